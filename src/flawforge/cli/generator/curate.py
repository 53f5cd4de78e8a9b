"""``flawforge curate``."""

from __future__ import annotations

from pathlib import Path

from flawforge.cli.console import out, print_json
from flawforge.cli.flags import Json, Wait, Words


def curate(run: Path, /, *, reject: Words = None, keep: Words = None, wait: Wait = False, json: Json = False) -> None:
    """Reject generated images of RUN that you dislike, or keep them again; without options, say which are rejected.

    The files stay, and nothing uses rejected images any more: export, audit, score, trial and report pass over them and
    say that the set was chosen by hand.

    Parameters
    ----------
    run
        The run folder that `flawforge train` made, or the folder of a synthetic set.
    reject
        Images: `scratches/12` (class and number), a path below the set's folder, or the number alone in a set of one
        class.
    keep
        Images that are no longer rejected, named likewise; `all` keeps every image again.
    """
    from flawforge.runs.generator.curation import curate as curate_set
    from flawforge.runs.versions import command

    files = curate_set(run, reject=reject or (), keep=keep or (), wait=wait, command=command())
    rejected = sorted(files.rejected)
    if json:
        counts = {"n": files.facts["n"], "classes": files.facts["classes"]}
        print_json({"folder": str(files.folder), **counts, "rejected": rejected})
        return
    kept = ", ".join(f"{count} {label}" for label, count in files.facts["classes"].items())
    out.print(f"kept: {kept}; rejected: {len(rejected)} ({files.folder})", markup=False)
    for file in rejected:
        out.print(f"  {file}", markup=False)
