"""Pictures a second of the medium detector on a GPU; one JSON line a setting.

python tests/bench/vision_gpu.py cuda 100
"""

import json
import sys
from collections.abc import Callable, Iterator

import torch

from deepseek_vision.model.detector import build_detector


def median_ms(run: Callable[[], object], rounds: int) -> float:
    for _ in range(10):
        run()
    took = []
    for _ in range(rounds):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        end.record()
        torch.cuda.synchronize()
        took.append(start.elapsed_time(end))
    return sorted(took)[rounds // 2]


def captured(run: Callable[[], object]) -> Callable[[], object]:
    """The same work as a CUDA graph, without the launches of each kernel."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


@torch.inference_mode()
def measure_all(device: torch.device, rounds: int) -> Iterator[dict[str, object]]:
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    for kind in (torch.float32, torch.float16):
        model = build_detector("medium", {"max_steps": 2}).eval().to(device, kind)
        model = model.to(memory_format=torch.channels_last)
        # Whether a step may be skipped is read back from the device.
        model.encoder.tokens._may_skip = lambda: False  # noqa: SLF001 -- as in the ONNX graph
        prompts = torch.randn(20, 384, device=device, dtype=kind)
        for batch in (1, 32):
            images = (torch.rand(batch, 3, 320, 320, device=device) * 255).to(kind)
            images = images.contiguous(memory_format=torch.channels_last)

            def run(m=model, x=images, p=prompts) -> object:
                return m(x, p)

            for name, work in (("eager", run), ("graph", captured(run))):
                ms = median_ms(work, rounds)
                yield {
                    "precision": str(kind),
                    "batch": batch,
                    "kind": name,
                    "ms": round(ms, 3),
                    "images_per_s": round(batch * 1000 / ms, 1),
                }


def main() -> None:
    for line in measure_all(torch.device(sys.argv[1]), int(sys.argv[2])):
        sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
