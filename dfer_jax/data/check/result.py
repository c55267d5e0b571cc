"""All that a check found, and the verdict that follows from it."""

import csv
import dataclasses
import io
import shlex
from collections.abc import Sequence

from dfer_jax.data.check.findings import Finding
from dfer_jax.data.check.leaks import Leaks
from dfer_jax.data.check.scan import ClipScan
from tfds_builders.single_pass import SinglePass


@dataclasses.dataclass(frozen=True)
class Result:
    """A check.

    Attributes:
        name: data set and configuration.
        manual_dir: as the user gave it.
        thorough: whether every frame was decoded.
        allow_missing: whether missing clips are left out.
        findings: faults, warnings and notes.
        state: what the builder would build; None if it cannot make sense of the folder.
        scans: what reading each clip of `state.listing.clips` gave.
        leaks: near-duplicate clips of different splits.
        seconds: the check took.
        classes: those that the user stated; empty leaves them to the table.
    """

    name: str
    manual_dir: str
    thorough: bool
    allow_missing: bool
    findings: list[Finding]
    state: SinglePass | None = None
    scans: list[ClipScan] = dataclasses.field(default_factory=list)
    leaks: Leaks = dataclasses.field(default_factory=lambda: Leaks([], 0, False))
    seconds: float = 0.0
    classes: tuple[str, ...] = ()

    def of(self, severity: str) -> list[Finding]:
        """Returns the findings of one severity."""
        return [finding for finding in self.findings if finding.severity == severity]

    @property
    def num_faults(self) -> int:
        """Number of single faults."""
        return sum(len(finding.items) for finding in self.of("fault"))

    @property
    def can_be_built(self) -> bool:
        """Whether the builder would take the folder, as far as was looked."""
        return not self.of("fault")

    @property
    def verdict(self) -> str:
        """One line: whether it will build."""
        if not self.can_be_built:
            return f"will not build ({_count(self.num_faults, 'fault')})"
        if warnings := self.of("warning"):
            return f"will build with warnings ({_count(len(warnings), 'kind')})"
        return "ready to build"

    @property
    def next_command(self) -> str:
        """What to run next: the build, or this check again once the faults are gone."""
        verb = "build" if self.can_be_built else "check"
        command = f"dfer {verb} {self.name} --manual_dir {shlex.quote(self.manual_dir)}"
        if self.classes:
            command += f" --classes {shlex.quote(as_one_flag(self.classes))}"
        if self.can_be_built:
            return command + " --allow_missing" * self.allow_missing
        return f"mend the faults, then {command}" + " --thorough" * self.thorough


def as_one_flag(names: Sequence[str]) -> str:
    """Returns names as a flag of a list takes them, in quotes where they hold a comma."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return line.getvalue()


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + "s" * (number != 1)
