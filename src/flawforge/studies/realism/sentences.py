"""What a score says in plain words, and no more than it has measured."""

from __future__ import annotations

from flawforge.runs.scores import Quantity, ScoreRecord

FINE = 1.0  # dB: below, "smoother" or "rougher" is no word for it
BRIGHT = 2.0  # gray levels of 255, likewise


def score_sentence(record: ScoreRecord) -> str:
    """Return the outcome of a score for a reader who knows no statistics."""
    parts = []
    n = record.n_generated
    if record.exact_copies:
        what = "is a training image itself" if record.exact_copies == 1 else "are training images themselves"
        parts.append(
            f"{record.exact_copies} of {n:,} generated images {what}, so this says little of what the generator "
            f"can make: see the audit."
        )
    if record.why:
        return " ".join([*parts, f"Whether the images look real cannot be told: {record.why}."])
    parts.append(_compared(record))
    if record.against == "training" and not record.exact_copies:
        parts.append("The comparison is with the training images themselves, which copying would improve.")
    return " ".join(parts)


def _compared(record: ScoreRecord) -> str:
    found = {quantity.name: quantity for quantity in record.quantities}
    faults = _faults(record, found)
    real = "the training images" if record.against == "training" else "real ones that training did not see"
    used = f"{record.n_used:,}" + (f" of {record.n_generated:,}" if record.n_used < record.n_generated else "")
    size = f"{used} generated and {record.n_reference:,} real images"
    if found["kid"].outside and faults:
        return f"The generated images can be told from {real}: {_joined(faults)} ({size})."
    if found["kid"].outside:
        return (
            f"The generated images can be told from {real}, but by none of the single faults that are measured here "
            f"({size})."
        )
    if faults:
        return f"On the whole the generated images could not be told from {real}, but {_joined(faults)} ({size})."
    return f"The generated images could not be told from {real} by any measure here ({size})."


def _faults(record: ScoreRecord, found: dict[str, Quantity]) -> list[str]:
    faults = []
    if found["precision"].outside:
        faults.append(
            f"{_share(1 - _value(found['precision']))} of them are like no real image, against "
            f"{_share(1 - _real(found['precision']))} of other real images"
        )
    if found["recall"].outside or found["coverage"].outside:
        name = "coverage" if found["coverage"].outside else "recall"
        faults.append(
            f"they show {_share(_value(found[name]))} of the real variety, where as many other real images show "
            f"{_share(_real(found[name]))}"
        )
    if found["spectrum"].outside and record.spectra is not None:
        fine = record.spectra.fine
        word = "is too smooth" if fine < -FINE else "is too rough" if fine > FINE else "has other sizes of structure"
        faults.append(f"their texture {word}")
    if found["histogram"].outside and record.levels is not None:
        by = record.levels.brighter
        word = f"too {'bright' if by > 0 else 'dark'}" if abs(by) >= BRIGHT else "of another contrast"
        faults.append(f"they are {word}")
    return faults


def _value(quantity: Quantity) -> float:
    return quantity.generated.value if quantity.generated.value is not None else float("nan")


def _real(quantity: Quantity) -> float:
    return quantity.real.value if quantity.real.value is not None else float("nan")


def _share(value: float) -> str:
    """A share in whole percent; 0 and 100 only where it is exact."""
    if value in (0, 1):
        return f"{value:.0%}"
    return f"{min(max(round(100 * value), 1), 99)}%"


def _joined(words: list[str]) -> str:
    return f"{', '.join(words[:-1])}, and {words[-1]}" if len(words) > 1 else words[0]
