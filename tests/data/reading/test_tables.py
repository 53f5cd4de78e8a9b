"""Tables beside images: the delimiter, the header and the column of file names are found."""

from __future__ import annotations

import pytest

from flawforge.data.reading import tables
from flawforge.data.reading.file_tree import walk
from flawforge.data.reading.pairing import ImageNames
from flawforge.data.reading.tables import named_image, read_tables


@pytest.fixture
def read(tmp_path):
    """Read the tables beside three images, none of which is opened."""

    def write(text: str | bytes, file: str = "labels.csv") -> list[tables.Table]:
        for name in ("a.png", "b c.png", "x/d.png"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        (tmp_path / file).write_bytes(text if isinstance(text, bytes) else text.encode())
        tree = walk(tmp_path)
        return read_tables(tmp_path, tree, ImageNames(tree.images))

    return write


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
def test_the_delimiter_is_found(read, delimiter, end):
    rows = [["no", "File Name", "class"], ["1", "a.png", "dent, deep"], ["2", "b c.png", "pit"], ["3", "d.png", ""]]
    text = end.join(delimiter.join(f'"{cell}"' for cell in row) for row in rows) + end
    (table,) = read(text)
    assert (table.header, table.image, [cells for _, cells in table.rows]) == (("no", "filename", "class"), 1, rows[1:])
    assert table.titles == ("no", "File Name", "class")


@pytest.mark.parametrize("text", ["a.png,dent\nd.png,pit\n", "a,dent\nd,pit\n", "x/a.bmp,dent\n\\\\pc\\x\\d.png,pit"])
def test_a_table_without_a_header_and_names_as_stems_and_paths(read, text):
    (table,) = read(text)
    assert (table.header, table.image, [line for line, _ in table.rows]) == ((), 0, [1, 2])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "name,class\n",
        "name,class\nq.png,dent\n",  # other images
        "a.png\nd.png\n",  # a list
        "time,level\n1,2\n3,4\na,5\n6,7\n",  # one cell by chance
        b"\x00\x01\xff",
    ],
)
def test_tables_of_other_things_are_not_read(read, text):
    assert read(text) == []


def test_a_table_of_many_more_images_is_known_by_its_header(read):
    assert len(read("image,label\n" + "q.png,dent\n" * 9 + "a.png,pit\n")) == 1


def test_an_example_of_answers_and_a_file_beyond_the_limit_are_not_read(read, monkeypatch):
    assert read("a.png,dent\n", "sample_submission.csv") == []
    assert len(read("a.png,dent\n", "labels.tsv")) == 1
    monkeypatch.setattr(tables, "LARGEST", 5)
    assert read("a.png,dent\n", "labels.tsv") == []


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_encodings_of_spreadsheets(read, encoding):
    (table,) = read("Bild;class\na.png;Öl\n".encode(encoding))
    assert table.rows == ((2, ["a.png", "Öl"]),)


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ("a.png_3", (["a.png"], "3")),
        ("b c.png_Kratzer", (["b c.png"], "Kratzer")),
        ("a_3", ([], "")),
        ("d", (["d.png"], "")),
    ],
)
def test_a_class_may_follow_the_file_s_name(cell, meant):
    assert named_image(cell, "t.csv", ImageNames(["a.png", "b c.png", "d.png"])) == meant
