"""One probe against everybody, as the peers search: exactly, by the inner product, the two nearest, on one core.

usage: search.py GALLERY PROBES     files of 32 bit floats, 512 for each face
  faiss    IndexFlatIP
  usearch  exact search
  numpy    a matrix times a vector, and the largest two
Says one line when everybody is loaded, and then one of JSON for each line that names a peer: seconds (the median of the probes), whom
each probe found.
"""
import json, statistics, sys, time
import faiss, numpy as np
from usearch.index import MetricKind, search

LONG_ENOUGH = 0.002  # seconds: a single search of few people is too short to be timed
gallery, probes = (np.fromfile(file, np.float32).reshape(-1, 512) for file in sys.argv[1:3])
faiss.omp_set_num_threads(1)
index = faiss.IndexFlatIP(512)
index.add(gallery)


def by_faiss(probe):
    return index.search(probe[None], 2)[1][0]


def by_usearch(probe):
    return search(gallery, probe, 2, MetricKind.IP, exact=True, threads=1).keys


def by_numpy(probe):
    scores = gallery @ probe
    two = np.argpartition(scores, -2)[-2:]
    return two[np.argsort(-scores[two])]


def seconds_of(peer, probe):
    began, times = time.perf_counter(), 0
    while times == 0 or time.perf_counter() - began < LONG_ENOUGH:
        peer(probe)
        times += 1
    return (time.perf_counter() - began) / times


print("{}", flush=True)
for line in sys.stdin:
    peer = {"faiss": by_faiss, "usearch": by_usearch, "numpy": by_numpy}[line.strip()]
    seconds = statistics.median(seconds_of(peer, probe) for probe in probes)
    found = [[int(at) for at in peer(probe)] for probe in probes]
    print(json.dumps({"seconds": seconds, "found": found}), flush=True)
