"""One of several processes that train a Keras model under torch's DDP."""

import sys

import torch
import torch.distributed
from helpers.training import mlp
from processes.work import BATCH, OPTIMIZERS, outcome, save, share
from torch.nn.parallel import DistributedDataParallel


def train(rule: str, index: int):
    model, optimizer = mlp(), OPTIMIZERS[rule]()
    optimizer.build(model.trainable_variables)
    parallel = DistributedDataParallel(model)
    x, y = (torch.from_numpy(part) for part in share(index))
    size = BATCH // 2
    for _ in range(2):
        for start in range(0, len(x), size):
            batch = slice(start, start + size)
            parallel.zero_grad()
            torch.mean((parallel(x[batch]) - y[batch]) ** 2).backward()
            # Averaged over the processes, all of which clip alike.
            gradients = [v.value.grad for v in model.trainable_variables]
            with torch.no_grad():
                optimizer.apply(gradients, model.trainable_variables)
    return outcome(model, optimizer)


def main(result: str, store: str, index: str) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{store}", rank=int(index), world_size=2
    )
    save(result, {rule: train(rule, int(index)) for rule in OPTIMIZERS})
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
