"""The dashboard for Grafana asks only for what the gateway counts."""

import json
import re

import httpx

from tests.packaging.imports import ROOT
from tests.server.samples import event, feedback, suggestion


def test_every_metric_that_the_dashboard_asks_for_exists(client: httpx.Client) -> None:
    name = client.post("/v1/suggest", json=suggestion()).json()["suggestion_id"]
    client.post("/v1/feedback", json=feedback(event(name, 1)))
    counted = set(re.findall(r"^(hone_\w+)", client.get("/metrics").text, flags=re.MULTILINE))
    board = json.loads((ROOT / "deploy/grafana/hone.json").read_text())
    asked = {
        metric
        for panel in board["panels"]
        for target in panel["targets"]
        for metric in re.findall(r"hone_\w+", target["expr"])
    }
    assert len(asked) >= 6
    assert asked <= counted
