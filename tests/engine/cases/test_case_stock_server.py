"""Our client against a tus server that no one here wrote: @tus/server on Node.js."""

import hashlib


async def test_a_case_arrives_at_a_stock_server(appliance_at, node, evidence):
    """A server without checksums and without our list of cases takes a case all the same, byte by byte."""
    appliance = appliance_at(node.port)
    before = set(node.received())
    number = await appliance.submit(evidence, description="ü" * 900)
    case = await appliance.until_state(number, "submitted")
    (arrived,) = set(node.received()) - before
    assert hashlib.sha256(arrived.read_bytes()).hexdigest() == case.sha256


async def test_a_stock_server_goes_on_after_a_restart(appliance_at, node, evidence):
    """An upload that was broken off goes on where the stock server stands, in the same upload."""
    (evidence / "more.bin").write_bytes(hashlib.shake_256(b"more").digest(9_000_000))
    first = appliance_at(node.port)
    first.bandwidth.set(4000, 0)
    before = set(node.received())
    number = await first.submit(evidence)
    await first.until(number, lambda case: case.progress is not None and case.progress.done_bytes > 2_000_000)
    await first.stop()
    second = appliance_at(node.port)
    case = await second.until_state(number, "submitted")
    (arrived,) = set(node.received()) - before
    assert hashlib.sha256(arrived.read_bytes()).hexdigest() == case.sha256


async def test_cancelling_removes_it_from_a_stock_server(appliance_at, node, evidence):
    """Termination works at the stock server too: nothing of the case stays there."""
    appliance = appliance_at(node.port)
    appliance.bandwidth.set(50, 0)
    before = set(node.received())
    number = await appliance.submit(evidence)
    await appliance.until(number, lambda case: case.progress is not None and case.progress.done_bytes > 0)
    await appliance.desk.cancel(number, "root")
    await appliance.until(number, lambda _: not appliance.book.get(number).location)
    assert set(node.received()) == before
