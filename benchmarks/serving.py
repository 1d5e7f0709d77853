"""How fast the org serves query pages that are warm: bytes fetched and thrown away."""

import http.client
from urllib.parse import urlencode, urlsplit

from benchmarks.floor import PAGE, TEXT_TYPES, Pages
from benchmarks.measure import Figures, Spec, case, measured


def run(spec: Spec) -> Figures:
    targets = [
        "/services/data/v67.0/queryAll?" + urlencode({"q": soql}) for soql in _questions(spec)
    ]
    line = http.client.HTTPConnection(urlsplit(spec.org).netloc, timeout=60)
    headers = {"Authorization": f"Bearer {spec.token}", "Accept-Encoding": "gzip"}
    figures, size = Figures(), 0
    with measured(figures):
        for _ in range(spec.times):
            for target in targets:
                line.request("GET", target, headers=headers)
                answer = line.getresponse()
                assert answer.status == 200
                size += len(answer.read())
    figures.rows = spec.times * len(targets) * PAGE
    figures.more = {"packed_bytes": size}
    return figures


def _questions(spec: Spec) -> list[str]:
    """Give the questions whose answers are full pages, by reading them once."""
    pages = Pages(spec, TEXT_TYPES)
    for rows in pages.one_by_one():
        if len(rows) < PAGE:
            pages.asked.pop()
    return pages.asked


if __name__ == "__main__":
    case(run)
