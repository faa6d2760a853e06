"""Whatever the agent's shapes hold, the documents that are made of them are whole, safe and bounded."""

import csv
import io
import json
import tarfile
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hostile.socket import Answers
from hostile.values import DATES, TEXTS, Hostile
from tm_tui.api.agent import ProbeReport, StepEvent
from tm_tui.clock import EARLIEST, LATEST
from tm_tui.diagnostics import bundle
from tm_tui.diagnostics.last_test import KeptProbe
from tm_tui.diagnostics.summary import summary
from tm_tui.markdown_rows import rows_of
from tm_tui.spool.export import CSV_COLUMNS, to_cef, to_csv, to_leef
from tm_tui.text import is_safe, safe_lines

FEW = settings(
    max_examples=20, phases=[Phase.generate], suppress_health_check=list(HealthCheck), derandomize=True
)


@FEW
@given(st.integers(0, 2**32))
def test_the_summary_and_the_bundle_take_every_snapshot(seed: int) -> None:
    """Support gets the bundle most of all when something in it is odd."""
    random = Random(seed)
    answers, hostile = Answers(random), Hostile(random)
    status = answers.shape("/v1/status")
    probe = KeptProbe(random.choice((EARLIEST, LATEST)), unsaved=False)
    for _ in range(5):
        probe.add(hostile.shape(StepEvent))
    probe.add(hostile.shape(ProbeReport))
    lines = summary(status, random.choice((probe, None)))
    assert len(lines) < 30
    assert all(is_safe(line) and len(line) < 6000 for line in lines)
    files = {
        path.replace("/", "_"): bundle._json(answers.shape(path)) for path in ("/v1/status", "/v1/trust")
    }
    for at in (EARLIEST, status.taken_at, LATEST):
        name = bundle.bundle_name("tm-lab", at)
        with tarfile.open(fileobj=io.BytesIO(bundle._packed(name, files, at)), mode="r:gz") as archive:
            for member in archive.getmembers():
                found = archive.extractfile(member)
                assert found is not None
                json.loads(found.read())


@pytest.mark.parametrize("time", DATES)
@pytest.mark.parametrize("text", TEXTS)
def test_an_event_is_exported_whatever_it_says(time: str, text: str) -> None:
    """One line an event, whatever is in it: a SIEM counts lines."""
    text = text.encode("utf-8", "replace").decode()
    event: dict[str, Any] = {
        "seq": 2**53 - 1,
        "id": "e1",
        "kind": "threat-event",
        "time": time,
        "source": text,
        "status": text,
        "endpoint": {"hostname": text, "ip": text, "mac": text},
        "event_type": text,
        "threat": {"name": text, "severity": "high"},
    }
    for make in (to_cef, to_leef):
        assert "\n" not in make(event).rstrip("\n")
        assert "\r" not in make(event).rstrip("\r\n")
    (record,) = csv.reader(io.StringIO(to_csv(event), newline=""))
    assert len(record) == len(CSV_COLUMNS)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("width", [1, 7, 80])
def test_a_report_of_any_text_becomes_rows(text: str, width: int) -> None:
    """A report is text from outside: no construct of Markdown breaks out of its rows."""
    for row in rows_of(safe_lines(f"# {text}\n\n{text}\n\n> - {text}\n\n    {text}\n"), width):
        assert is_safe(row.text, line_ends=False)
