"""PyTorch as a contestant: `python3 pytorch.py OPTIONS`. Speaks as serve.mjs describes; eager, as people train."""

import array
import json
import math
import os
import sys
import time

options = json.loads(sys.argv[1])
threads = options["threads"]
# Read when the libraries are loaded. torch.set_num_threads does not limit a BLAS with threads of its own.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(threads)

import torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(threads)
torch.set_num_interop_threads(1)


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(784, 128)
        self.output = nn.Linear(128, 10)

    def forward(self, x):
        return self.output(F.relu(self.hidden(x)))


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.output = nn.Linear(84, 10)

    def forward(self, x):
        c1 = F.max_pool2d(F.relu(self.conv1(x)), 2)
        c2 = F.max_pool2d(F.relu(self.conv2(c1)), 2)
        return self.output(F.relu(self.fc2(F.relu(self.fc1(c2.flatten(1))))))


class Encoder(nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.layers = nn.Sequential(
            *[nn.TransformerEncoderLayer(128, 4, 512, dropout=0.0, batch_first=True) for _ in range(depth)]
        )
        self.output = nn.Linear(128, 10)

    def forward(self, x):
        return self.output(self.layers(x).mean(1))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(64, 128, batch_first=True)
        self.output = nn.Linear(128, 10)

    def forward(self, x):
        return self.output(self.lstm(x)[0][:, -1])


class Xor(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(2, 8)
        self.output = nn.Linear(8, 1)

    def forward(self, x):
        return torch.sigmoid(self.output(torch.tanh(self.hidden(x))))


MODELS = {"mlp": Mlp, "lenet": LeNet5, "lstm": Recurrent, "xor": Xor}
LOSSES = {"crossEntropy": F.cross_entropy, "meanSquaredError": F.mse_loss}


class Training:
    def __init__(self, workload, arrays):
        task = workload["task"]
        depth = sum(spec["name"].endswith("in_proj_weight") for spec in workload["arrays"])
        self.model = Encoder(depth) if task["model"] == "transformer" else MODELS[task["model"]]()
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(arrays[name])
        by_role = {spec["role"]: arrays[spec["name"]] for spec in workload["arrays"]}
        self.x, self.y = by_role["input"], by_role["target"]
        if self.y.dtype == torch.int32:
            self.y = self.y.long()
        self.loss = LOSSES[task["loss"]]
        rate = task["optimizer"]["learningRate"]
        parameters = self.model.parameters()
        if task["optimizer"]["name"] == "adam":
            self.optimizer = torch.optim.Adam(parameters, lr=rate)
        else:
            momentum = 0.9 if task["optimizer"]["name"] == "momentum" else 0.0
            self.optimizer = torch.optim.SGD(parameters, lr=rate, momentum=momentum)

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(self.model(self.x), self.y)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def check(self):
        return [self.step() for _ in range(3)]


def chain(h, w, repeat):
    for _ in range(repeat):
        h = torch.tanh(torch.mm(h, w))
    return h


def operation(task, inputs):
    """The computation as a function of the tensor to write to, which only its first run makes."""
    op = task["op"]
    a, b = (inputs + [None])[:2]
    if op == "matmul":
        return lambda out: torch.matmul(a, b, out=out)
    if op == "add":
        return lambda out: torch.add(a, b, out=out)
    if op == "exp":
        return lambda out: torch.exp(a, out=out)
    if op == "sum":
        return lambda out: torch.sum(a, task["axes"], out=out)
    if op == "softmax":
        return lambda out: torch.softmax(a, -1)
    if op == "chain":
        return lambda out: chain(a, b, task["repeat"])
    return None


class Operation:
    def __init__(self, compute):
        self.compute = compute
        with torch.no_grad():
            self.out = compute(None)

    def step(self):
        with torch.no_grad():
            return self.compute(self.out)

    def check(self):
        values = self.step().flatten()
        total = values.double().abs().sum().item()
        count = values.numel()
        return [total / count] + [values[i * count // 16].item() for i in range(16)]


def load(request):
    arrays = read_arrays(request["workload"]["arrays"], request["file"])
    workload = request["workload"]
    if workload["task"]["kind"] == "training":
        return Training(workload, arrays)
    compute = operation(workload["task"], [arrays[spec["name"]] for spec in workload["arrays"]])
    return Operation(compute) if compute else None


def read_arrays(specs, file):
    with open(file, "rb") as stream:
        data = stream.read()
    arrays, at = {}, 0
    for spec in specs:
        size = math.prod(spec["shape"])
        values = array.array("f" if spec.get("classes") is None else "i")
        values.frombytes(data[at : at + 4 * size])
        at += 4 * size
        kind = torch.float32 if spec.get("classes") is None else torch.int32
        # A copy, aligned as the library's own allocations are.
        arrays[spec["name"]] = torch.frombuffer(values, dtype=kind).reshape(spec["shape"]).clone()
    return arrays


def info():
    torch.mm(torch.ones(64, 64), torch.ones(64, 64))
    text = f"{torch.__version__}, {torch.get_num_threads()} thread" + ("s" if threads > 1 else "")
    try:
        with open("/proc/self/maps") as maps:
            libraries = {os.path.basename(os.path.dirname(line.split()[-1])) for line in maps if "blas" in line.split("/")[-1]}
        blas = sorted(name for name in libraries if "blas" in name)
        return f"{text}, {' '.join(blas)}" if blas else text
    except OSError:
        return text


def main():
    loaded = None
    # What libraries print must not come between the answers.
    out, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "load":
                loaded = load(request)
                answer = {"info": info()} if loaded else {"unsupported": "is not compared here"}
            elif request["do"] == "check":
                began = time.perf_counter()
                answer = {"numbers": loaded.check(), "ms": (time.perf_counter() - began) * 1000}
            elif request["do"] == "run":
                answer = run(loaded.step, request["steps"], request["samples"])
            else:
                answer = {}
        except Exception as error:
            answer = {"failed": str(error)}
        print(json.dumps(answer), file=out, flush=True)


def run(step, steps, samples):
    times = []
    cpu, began = time.process_time(), time.perf_counter()
    for _ in range(samples):
        start = time.perf_counter()
        for _ in range(steps):
            step()
        times.append((time.perf_counter() - start) * 1000 / steps)
    wall = time.perf_counter() - began
    return {"ms": times, "cpu": (time.process_time() - cpu) * 1000, "wall": wall * 1000}


main()
