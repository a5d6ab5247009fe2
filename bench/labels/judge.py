"""Judges what `vultus recognize --json` says of LFW's photos. usage: judge.py LABELS_DIR people.json smiles.json

Intervals are 95 %, by drawing people (not pairs, which are not independent) with replacement.
"""
import csv
import json
import os
import sys

import numpy as np

DRAWS = 1000
YEAR = 2003
THRESHOLDS = {"0.561 (`TH_ACCEPT` 0.45)": 0.561, "0.667 (FMR 1e-3 on all of LFW)": 0.6673}


def main_face(photo):
    """The largest face, those in the middle before others: area - 2 x squared distance from the centre."""

    def rank(face):
        x1, y1, x2, y2 = face["box"]
        dx, dy = (x1 + x2 - photo["width"]) / 2, (y1 + y2 - photo["height"]) / 2
        return (x2 - x1) * (y2 - y1) - 2 * (dx * dx + dy * dy)

    return max(photo["faces"], key=rank, default=None)


def percent(share):
    return f"{share * 100:.1f} %"


def interval(samples):
    low, high = np.percentile(samples, [2.5, 97.5])
    return low, high


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def photos(path):
    with open(path, encoding="utf-8") as file:
        return [(os.path.basename(photo["file"]), main_face(photo)) for photo in json.load(file)]


def drawn(people, values, rng):
    """Means of `values` (one of each photo) over draws of people."""
    index = np.unique(people, return_inverse=True)[1]
    sums, counts = np.bincount(index, values), np.bincount(index)
    draws = rng.integers(0, len(sums), (DRAWS, len(sums)))
    return sums[draws].sum(1) / counts[draws].sum(1)


def gender(seen, labels, rng):
    print("| gender | photos | people | right | 95 % |\n|---|---|---|---|---|")
    rights = {}
    for sex, word in (("f", "female"), ("m", "male")):
        own = [(name, face["attributes"]["gender"]["value"] == word) for name, face in seen if labels[name]["sex"] == sex]
        names, right = np.array([name for name, _ in own]), np.array([right for _, right in own], float)
        means = drawn(names, right, rng)
        low, high = interval(means)
        rights[sex] = (right.mean(), means)
        who = {"f": "women", "m": "men"}[sex]
        print(f"| {who} | {len(own)} | {len(set(names))} | {percent(right.mean())} | {percent(low)} – {percent(high)} |")
    both = (rights["f"][0] + rights["m"][0]) / 2
    low, high = interval((rights["f"][1] + rights["m"][1]) / 2)
    print(f"| mean of both | | | {percent(both)} | {percent(low)} – {percent(high)} |\n")


def age(seen, labels, rng):
    rows = [(name, YEAR - int(labels[name]["born"]), face["attributes"]["age"]["years"]) for name, face in seen if labels[name]["born"]]
    names, true, told = (np.array(column) for column in zip(*rows))
    off = np.abs(told - true)
    print("| age | photos | people | told on average | mean error, years | 95 % | nine in ten are within |\n|---|---|---|---|---|---|---|")
    for low, high in ((13, 20), (20, 30), (30, 40), (40, 50), (50, 60), (60, 70), (70, 80), (0, 200)):
        of = (true >= low) & (true < high)
        least, most = interval(drawn(names[of], off[of], rng))
        title = "all" if low == 0 else f"{low}–{high - 1}"
        print(
            f"| {title} | {of.sum()} | {len(set(names[of]))} | {told[of].mean():.0f} | {off[of].mean():.1f} | {least:.1f} – {most:.1f} "
            f"| ± {np.percentile(off[of], 90):.0f} |"
        )
    middle = np.median(true)
    print(f"\nSaying {middle:.0f} of everybody would be off by {np.abs(true - middle).mean():.1f} years; correlation {np.corrcoef(true, told)[0, 1]:.2f}.\n")


def smile(path, labels):
    told = {name: face["attributes"]["smile"]["value"] >= 0.5 for name, face in photos(path) if face}
    print("| smile, by eye | photos | called a smile |\n|---|---|---|")
    for answer, title in (("yes", "yes"), ("no", "no"), ("unsure", "slight, or an open mouth")):
        own = [told[row["photo"]] for row in labels if row["smiles"] == answer and row["photo"] in told]
        print(f"| {title} | {len(own)} | {percent(np.mean(own))} |")
    clear = [told[row["photo"]] == (row["smiles"] == "yes") for row in labels if row["smiles"] != "unsure" and row["photo"] in told]
    share, n, z = np.mean(clear), len(clear), 1.96
    centre, half = share + z * z / 2 / n, z * np.sqrt(share * (1 - share) / n + z * z / 4 / n / n)
    low, high = (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)
    print(f"\nRight for {percent(share)} of the {n} clear ones (95 %: {percent(low)} – {percent(high)}, Wilson).\n")


def pairs(seen, labels, rng):
    names = sorted({name for name, _ in seen})
    number = {name: at for at, name in enumerate(names)}
    person = np.array([number[name] for name, _ in seen])
    vectors = np.array([face["embedding"] for _, face in seen], np.float32)
    distances = 1 - vectors @ vectors.T
    member = np.zeros((len(names), len(seen)), np.float32)
    member[person, np.arange(len(seen))] = 1
    is_woman = np.array([labels[name]["sex"] == "f" for name in names])
    count = member.sum(1)
    print("| pairs | raw threshold | strangers' pairs | FMR | 95 % | genuine pairs | FNMR | 95 % |\n|---|---|---|---|---|---|---|---|")
    draws = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), DRAWS).astype(float)
    for title, threshold in THRESHOLDS.items():
        near = np.triu(distances < threshold, 1)
        near = member @ (near | near.T).astype(np.float32) @ member.T
        impostor = near.copy()
        np.fill_diagonal(impostor, 0)
        total = np.outer(count, count)
        np.fill_diagonal(total, 0)
        genuine, missed = count * (count - 1) / 2, count * (count - 1) / 2 - np.diag(near) / 2
        for group, one, two in (("woman – woman", is_woman, is_woman), ("man – man", ~is_woman, ~is_woman), ("woman – man", is_woman, ~is_woman)):
            halves = 1 if group == "woman – man" else 2
            of = np.outer(one, two)
            matches, all_pairs = (impostor * of).sum() / halves, (total * of).sum() / halves
            left, right = draws * one, draws * two
            samples = ((left @ impostor) * right).sum(1) / ((left @ total) * right).sum(1)
            low, high = interval(samples)
            row = f"| {group} | {title} | {all_pairs:.0f} | {matches / all_pairs:.1e} ({matches:.0f}) | {low:.1e} – {high:.1e} |"
            if halves == 2:
                samples = (draws @ (missed * one)) / (draws @ (genuine * one))
                low, high = interval(samples)
                row += f" {(genuine * one).sum():.0f} | {percent((missed * one).sum() / (genuine * one).sum())} | {percent(low)} – {percent(high)} |"
            else:
                row += " | | |"
            print(row)


def main():
    folder, people_json, smiles_json = sys.argv[1:]
    labels = {row["person"]: row for row in read(os.path.join(folder, "people.csv"))}
    rng = np.random.default_rng(6)
    seen = [(name.rsplit("_", 1)[0], face) for name, face in photos(people_json) if face]
    seen = [(name, face) for name, face in seen if name in labels]
    gender(seen, labels, rng)
    age(seen, labels, rng)
    smile(smiles_json, read(os.path.join(folder, "smiles.csv")))
    pairs(seen, labels, rng)


main()
