"""Which precision the hardware is quick in."""

import torch


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the hardware has bfloat16 products; without them bfloat16 is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        known = (getattr(torch.cpu, f"_is_{name}_supported", None) for name in ("avx512_bf16", "amx_tile"))
        return any(test() for test in known if test is not None)
    return False
