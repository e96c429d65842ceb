"""Reads training logs with nothing but Python's standard library, for test/corpus/logCorpus.ts to compare with.

usage: python3 logReference.py DIR > reference.json
Prints {path: {metric: {n, first: [step, value], last: [step, value], min, max, sum}}} under the names that are in
the files. Written from the formats' definitions and not from the reader that it checks.
"""
import ast
import csv
import io
import json
import math
import os
import re
import struct
import sys
import zlib

STEPS = ["step", "global_step", "train/global_step", "trainer/global_step", "_step", "current_steps", "iteration",
         "iter", "iters", "iter_num", "update", "num_updates", "steps", "batch", "epoch"]


def castagnoli():
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


TABLE = castagnoli()


def masked(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def fields(data):
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = varint()
        number, kind = key >> 3, key & 7
        if kind == 0:
            yield number, kind, varint()
        elif kind == 1:
            yield number, kind, data[at:at + 8]
            at += 8
        elif kind == 5:
            yield number, kind, data[at:at + 4]
            at += 4
        else:
            length = varint()
            yield number, kind, data[at:at + length]
            at += length


def number_of(value):
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, str) and re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)",
                                               value.strip(), re.I):
        return float(value)
    return None


def flat(value, prefix=""):
    numbers = {}
    for key, member in value.items():
        number = number_of(member)
        if number is not None:
            numbers[prefix + key] = number
        elif isinstance(member, dict):
            numbers.update(flat(member, prefix + key + "/"))
    return numbers


def signed(value):
    return value - (1 << 64) if value >= 1 << 63 else value


def tensor(data):
    dtype, values, content, dims = 0, [], b"", []
    for number, kind, value in fields(data):
        if number == 1:
            dtype = value
        elif number == 2:
            dims = [sum(v for n, _, v in fields(d) if n == 1) for n, _, d in fields(value) if n == 2]
        elif number == 4:
            content = value
        elif number == 5:
            values += struct.unpack("<%df" % (len(value) // 4), value)
        elif number == 6:
            values += struct.unpack("<%dd" % (len(value) // 8), value)
    if math.prod(dims) != 1 or dtype not in (1, 2):
        return None
    if content:
        return struct.unpack("<f" if dtype == 1 else "<d", content)[0]
    return values[0]


def events(path):
    data = open(path, "rb").read()
    at, plugins, points = 0, {}, {}
    while at + 12 <= len(data):
        length, check = struct.unpack("<QI", data[at:at + 12])
        if masked(data[at:at + 8]) != check or at + 16 + length > len(data):
            break
        body = data[at + 12:at + 12 + length]
        if masked(body) != struct.unpack("<I", data[at + 12 + length:at + 16 + length])[0]:
            break
        at += 16 + length
        step, summary = 0, b""
        for number, _, value in fields(body):
            if number == 2:
                step = signed(value)
            elif number == 5:
                summary = value
        for number, _, value in fields(summary):
            if number != 1:
                continue
            tag, result, content, metadata = "", None, None, None
            for inner, kind, part in fields(value):
                if inner == 1:
                    tag = part.decode()
                elif inner == 2 and kind == 5:
                    result = struct.unpack("<f", part)[0]
                elif inner == 8:
                    content = part
                elif inner == 9:
                    metadata = part
            if metadata is not None:
                for inner, _, part in fields(metadata):
                    if inner == 1:
                        for name, _, text in fields(part):
                            if name == 1:
                                plugins.setdefault(tag, text.decode())
            if result is None and content is not None and plugins.get(tag, "scalars") == "scalars":
                result = tensor(content)
            if result is not None:
                points.setdefault(tag, []).append((step, result))
    return points


def wandb(path):
    data = open(path, "rb").read()
    at, points, parts, own = 7, {}, [], None
    while at < len(data):
        room = 32768 - at % 32768
        if room < 7:
            at += room
            continue
        if at + 7 > len(data):
            break
        check, length, kind = struct.unpack("<IHB", data[at:at + 7])
        body = data[at + 7:at + 7 + length]
        if len(body) < length or zlib.crc32(data[at + 6:at + 7] + body) != check:
            break
        at += 7 + length
        parts.append(body)
        if kind not in (1, 4):
            continue
        record, parts = b"".join(parts), []
        for number, _, history in fields(record):
            if number != 2:
                continue
            row, step = {}, None
            for inner, _, part in fields(history):
                if inner == 1:
                    item = {n: v for n, _, v in fields(part)}
                    name = (item.get(1) or item.get(2) or b"").decode()
                    row[name] = number_of(json.loads(item.get(16, b"null").decode()))
                elif inner == 2:
                    step = sum(v for n, _, v in fields(part) if n == 1)
            for name, value in row.items():
                if value is not None and not name.startswith("_"):
                    points.setdefault(name, []).append((row.get("_step", step), value))
    return points


def rows_to_points(rows):
    points, last, count = {}, None, 0
    for values in rows:
        if not values:
            continue
        count += 1
        axis = next((name for name in STEPS if name in values), None)
        if axis is not None and math.isfinite(values[axis]):
            last = values[axis]
        step = count if last is None else last
        if "train_runtime" in values:
            continue
        for name, value in values.items():
            if name != axis and name != "epoch":
                points.setdefault(name, []).append((step, value))
    return points


def json_lines(path):
    rows = []
    for line in open(path, encoding="utf-8-sig"):
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append(flat(row))
    return rows_to_points(rows)


def table(path):
    text = open(path, encoding="utf-8-sig", newline="").read()
    separator = max(",;\t|", key=lambda one: text.split("\n")[0].count(one))
    rows = []
    for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=separator):
        values = {}
        for name, cell in row.items():
            cell = cell or ""
            if separator != "," and re.fullmatch(r"-?\d+,\d+", cell):
                cell = cell.replace(",", ".")
            number = number_of(cell)
            if number is not None:
                values[name] = number
        rows.append(values)
    return rows_to_points(rows)


def trainer_state(path):
    text = open(path).read()
    try:
        state = json.loads(text)
    except ValueError:
        return None
    rows = [flat(row) for row in state.get("log_history", [])]
    return rows_to_points(rows) if all("step" in row for row in rows) else None


def torchtune(path):
    points = {}
    for line in open(path):
        match = re.match(r"Step (\d+) \| (.*)", line)
        for pair in match.group(2).split() if match else []:
            name, value = pair.rsplit(":", 1)
            points.setdefault(name, []).append((float(match.group(1)), float(value)))
    return points


def printed(path):
    points, count = {}, 0
    for line in open(path, errors="replace"):
        match = re.search(r"\{'.*\}", line)
        if not match:
            continue
        try:
            row = ast.literal_eval(match.group(0))
        except (ValueError, SyntaxError):
            continue
        if "epoch" not in row and "loss" not in row:
            continue
        count += 1
        for name, value in row.items():
            if name != "epoch" and number_of(value) is not None:
                points.setdefault(name, []).append((count, number_of(value)))
    return points


def mlflow(folder):
    points, metrics = {}, os.path.join(folder, "metrics")
    for base, _, names in os.walk(metrics):
        for name in names:
            path = os.path.join(base, name)
            for line in open(path):
                _, value, step = line.split()
                points.setdefault(os.path.relpath(path, metrics), []).append((float(step), float(value)))
    return points


def readers(name, base, files):
    if "tfevents." in name and not name.endswith(".json"):
        return events
    if name.endswith(".wandb"):
        return wandb
    if name == "trainer_state.json":
        return trainer_state
    if name.endswith(".csv") and ("metrics" in name or "/logs" in base):
        return table
    if name.endswith(".jsonl") and ("metrics" in name or "log" in name):
        return json_lines
    if name == "torchtune_log.txt" or re.fullmatch(r"log_\d+\.txt", name):
        return torchtune
    if name == "hf_stdout.log":
        return printed
    return None


def text_of(value):
    return value if math.isfinite(value) else ("nan" if math.isnan(value) else "inf" if value > 0 else "-inf")


def describe(points):
    result = {}
    for name, values in points.items():
        finite = [value for _, value in values if math.isfinite(value)]
        result[name] = {
            "n": len(values),
            "first": [values[0][0], text_of(values[0][1])],
            "last": [values[-1][0], text_of(values[-1][1])],
            "min": min(finite) if finite else None,
            "max": max(finite) if finite else None,
            "sum": math.fsum(finite),
        }
    return result


def main(root):
    found = {}
    for base, folders, names in os.walk(root):
        folders[:] = [one for one in folders if one != "EXPECTED"]
        if "meta.yaml" in names and "metrics" in folders:
            found[os.path.relpath(base, root)] = describe(mlflow(base))
        for name in names:
            reader = readers(name, base, names)
            points = None if reader is None else reader(os.path.join(base, name))
            if points is not None:
                found[os.path.relpath(os.path.join(base, name), root)] = describe(points)
    json.dump(found, sys.stdout)


main(sys.argv[1])
