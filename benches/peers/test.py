#!/usr/bin/env python3
"""What can go wrong without being seen: verdicts, and what is read from the clients' words."""

import sys
import unittest

sys.dont_write_bytecode = True

from harness.table import Rows, interval, verdict
from harness.workload import BY_NAME, Void, parse


def rows(name, key, ratios, **more):
    """Rounds in which both peers have 1 and we have the ratio."""
    samples = [{"workload": name, "proxy": proxy, "run": 1, "round": turn, key: value, **more}
               for turn, ours in enumerate(ratios)
               for proxy, value in (("nginx", 1.0), ("haproxy", 1.0), ("evenkeel", ours))]
    return Rows(BY_NAME[name], samples)


class Interval(unittest.TestCase):
    def test_of_order_statistics(self):
        # David and Nagaraja, Order Statistics, 2003, section 7.1: the ranks for 95 %.
        for n, low, high in [(1, 1, 1), (3, 1, 3), (5, 1, 5), (6, 1, 6), (8, 1, 8), (9, 2, 8),
                             (12, 3, 10), (15, 4, 12), (20, 6, 15), (100, 40, 61)]:
            with self.subTest(n=n):
                self.assertEqual(interval(range(n, 0, -1)), (low, high))


class Verdict(unittest.TestCase):
    def test_of_ratios(self):
        for expected, name, key, ratios in [
            ("met", "h1-100b", "cpu_us", [0.80, 0.85, 0.81]),
            ("not met", "h1-100b", "cpu_us", [0.86, 0.90, 0.88]),
            ("not resolved", "h1-100b", "cpu_us", [0.80, 0.86, 0.80]),
            # One round of nine beside the others moves no median, two of eight may.
            ("met", "h1-100b", "cpu_us", [0.80] * 8 + [2.0]),
            ("not resolved", "h1-100b", "cpu_us", [0.80] * 6 + [2.0] * 2),
            ("not resolved", "h1-100b", "cpu_us", [0.50, 0.50]),
            # Both goals have to be met: 0.60 of nginx, 0.90 of HAProxy.
            ("not met", "h2-100b", "cpu_us", [0.7, 0.7, 0.7]),
            ("met", "h2-100b", "cpu_us", [0.5, 0.5, 0.5]),
            ("met", "idle-plain", "kib", [1.9, 2.0, 1.9]),
            ("no goal", "idle-tls", "kib", [9, 9, 9]),
            # The open loop: the median of nine, whatever the spread.
            ("met", "rate-10k", "p99_us", [1.1] * 5 + [3.0] * 4),
            ("not met", "rate-10k", "p99_us", [0.5] * 4 + [1.2] * 5),
            ("not resolved", "rate-10k", "p99_us", [0.5] * 8),
        ]:
            with self.subTest(name=name, ratios=ratios):
                self.assertEqual(verdict(rows(name, key, ratios)), expected)

    def test_repeated_samples_do_not_count(self):
        self.assertEqual(verdict(rows("h1-100b", "cpu_us", [0.5] * 3, repeated=True)),
                         "not resolved")

    def test_one_void_sample_of_ours_voids_the_row(self):
        void = {"workload": "h1-100b", "proxy": "evenkeel", "run": 1, "round": 3, "void": "503"}
        some = rows("h1-100b", "cpu_us", [0.5] * 3)
        some.void.append(void)
        self.assertEqual(verdict(some), "void")


WRK = """  Latency Distribution
     50%  822.00us
     99%    1.53ms
  1000 requests in 2.00s, 1.0MB read
Requests/sec:    500.00
"""
H2LOAD = """Cipher: TLS_AES_256_GCM_SHA384
Server Temp Key: X25519 253 bits
Application protocol: h2

finished in 2.00s, 500.00 req/s, 1.0MB/s
requests: 1000 total, 1000 started, 1000 done, {good} succeeded, {bad} failed, 0 errored, 0 timeout
status codes: {good} 2xx, 0 3xx, {bad} 4xx, 0 5xx
"""
TOOL = '{"requests":1000,"errors":%d,"error":"%s","note":"","seconds":2.0}\n'


class Parse(unittest.TestCase):
    def test_good_words(self):
        for client, words in [("wrk", WRK), ("h2load", H2LOAD.format(good=1000, bad=0)),
                              ("peers-tool", TOOL % (0, ""))]:
            with self.subTest(client=client):
                result = parse([client], words)
                self.assertEqual((result["requests"], result["seconds"]), (1000, 2.0))
        self.assertAlmostEqual(parse(["wrk"], WRK)["p99_us"], 1530)

    def test_anything_wrong_is_void(self):
        for client, words in [
            ("wrk", WRK + "  Non-2xx or 3xx responses: 1\n"),
            ("wrk", WRK + "  Socket errors: connect 0, read 1, write 0, timeout 0\n"),
            ("wrk", "unable to connect to localhost:1 Connection refused\n"),
            ("h2load", H2LOAD.format(good=999, bad=1)),
            ("h2load", H2LOAD.format(good=1000, bad=0).replace(": h2", ": http/1.1")),
            ("peers-tool", TOOL % (1, "status 503")),
            ("peers-tool", ""),
        ]:
            with self.subTest(client=client, words=words), self.assertRaises(Void):
                parse([client], words)


if __name__ == "__main__":
    unittest.main()
