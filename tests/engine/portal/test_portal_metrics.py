"""/metrics of the portal: with its token alone, in a form that Prometheus reads."""

from pathlib import Path

from portals import beat, opened_portal, told
from prometheus_client.openmetrics.parser import text_string_to_metric_families


async def test_metrics_by_token(any_home: Path) -> None:
    """Without a token there is no such path; with it, what is counted can be read; a wrong one is refused."""
    async with opened_portal(any_home) as portal:
        await portal.register()
        async with portal.status_server() as client:
            assert (await client.post("/v1/heartbeat", json=beat(waiting_events=7))).status_code == 200
            assert (await client.get("/metrics")).status_code == 404
        assert told("metrics", "--home", str(any_home)).returncode == 0
        file = any_home / "keys" / "metrics-token"
        assert file.stat().st_mode & 0o777 == 0o600
        async with portal.status_server(auth=None) as client:
            for header in ("Bearer wrong", "bearer", "Basic eDp5"):
                reply = await client.get("/metrics", headers={"authorization": header})
                assert (reply.status_code, "tmsp_" in reply.text) == (401, False)
            token = {"authorization": f"Bearer {file.read_text().strip()}"}
            assert (await client.post("/metrics", headers=token)).status_code == 405
            assert (await client.get("/v1/products", headers=token)).status_code == 401
            reply = await client.get("/metrics", headers=token)
        found = {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(reply.text)
            for sample in family.samples
        }
        assert found["tmsp_products", "connected"] == 1
        assert found["tmsp_products", "missing"] == 0
        assert found["tmsp_waiting_events",] == 7
        assert found["tmsp_beats_today",] == 1
        assert found["tmsp_alerts", "silent"] == 0
        assert told("metrics", "--off", "--home", str(any_home)).returncode == 0
        async with portal.status_server(auth=None) as client:
            assert (await client.get("/metrics", headers=token)).status_code == 401
        async with portal.operators() as client:
            assert (await client.get("/metrics")).status_code == 404
