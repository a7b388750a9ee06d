"""PyTorch's side of ``benchmarks.step``: our CNN and CRNN in its layers; some steps for each line of standard input."""

import sys
import time

import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]
from torch.nn import functional  # pyright: ignore[reportMissingImports]


class Residual(nn.Module):
    """Two convolutions around a shortcut, then pooling."""

    def __init__(self, n_inputs: int, n_filters: int):
        super().__init__()
        self.first = nn.Conv2d(n_inputs, n_filters, 3, 1, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(n_filters)
        self.second = nn.Conv2d(n_filters, n_filters, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(n_filters)
        self.shortcut = nn.Conv2d(n_inputs, n_filters, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's channels."""
        inner = functional.relu(self.first_norm(self.first(x)))
        return functional.relu(functional.max_pool2d(self.second_norm(self.second(inner)) + self.shortcut(x), 2))


def plain(n_inputs: int, n_filters: int, pool: tuple[int, int]) -> list[nn.Module]:
    """Return the layers of our ConvBlock."""
    return [
        nn.Conv2d(n_inputs, n_filters, 3, 1, 1),
        nn.MaxPool2d(pool),
        nn.ReLU(),
        nn.BatchNorm2d(n_filters),
    ]


class CNN(nn.Module):
    """Our residual CNN's defaults."""

    def __init__(self, n_mels: int):
        super().__init__()
        self.input_norm = nn.BatchNorm1d(n_mels, affine=False)
        residual = [Residual(32, 64), Residual(64, 128)]
        self.blocks = nn.Sequential(*plain(1, 16, (2, 2)), *plain(16, 32, (2, 2)), *residual)
        self.dropout = nn.Dropout(0.3)
        self.output = nn.Linear(128 * (n_mels // 16), 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of (batch, 1, n_frames, n_mels)."""
        x = self.input_norm(x[:, 0].transpose(1, 2)).transpose(1, 2)[:, None]
        return self.output(self.dropout(self.blocks(x).mean(2).flatten(1)))


class CRNN(nn.Module):
    """Our CRNN's defaults."""

    def __init__(self, n_mels: int):
        super().__init__()
        n_inputs, layers = 1, []
        for n_filters, frames in zip((16, 32, 64, 64, 64), (2, 2, 2, 1, 1), strict=True):
            layers += plain(n_inputs, n_filters, (frames, 2))
            n_inputs = n_filters
        self.input_norm = nn.BatchNorm1d(n_mels, affine=False)
        self.blocks = nn.Sequential(*layers)
        self.dropout = nn.Dropout(0.3)
        self.recurrent = nn.GRU(n_inputs * (n_mels // 32), 96, 2, batch_first=True)
        self.output = nn.Linear(96, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of (batch, 1, n_frames, n_mels)."""
        x = self.input_norm(x[:, 0].transpose(1, 2)).transpose(1, 2)[:, None]
        x = self.blocks(x).permute(0, 2, 1, 3).flatten(2)
        return self.output(self.dropout(self.recurrent(self.dropout(x))[0].mean(1)))


def second_biases(model: nn.Module) -> int:
    """Return the number of recurrent biases, which ours does not have: the inputs' biases are enough."""
    return sum(one.numel() for name, one in model.named_parameters() if "bias_hh" in name)


def main(name: str, layout: str, in_a_row: int, batch_size: int, n_frames: int, n_mels: int) -> None:
    """Print the number of parameters; then for each line make some steps and print the seconds of one.

    The first step of each turn is not counted.
    """
    model = {"cnn": CNN, "crnn": CRNN}[name](n_mels)
    print(sum(one.numel() for one in model.parameters()) - second_biases(model), flush=True)
    x, labels = torch.randn(batch_size, 1, n_frames, n_mels), torch.arange(batch_size) % 10
    if layout == "channels_last":
        model, x = model.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters())
    for _ in sys.stdin:
        began = 0.0
        for number in range(1 + in_a_row):
            began = time.perf_counter() if number == 1 else began
            optimizer.zero_grad()
            functional.cross_entropy(model(x), labels).backward()
            optimizer.step()
        print((time.perf_counter() - began) / in_a_row, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
