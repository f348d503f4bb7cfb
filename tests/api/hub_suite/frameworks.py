"""transformers, timm and KServe's downloader, with nothing set but where and who: HF_ENDPOINT.

Run as a program inside their own environment; prints what it found as JSON.
"""

import json
import sys
import tempfile
from pathlib import Path

import timm
import torch
from kserve_storage import Storage
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    BertConfig,
    BertModel,
    PreTrainedTokenizerFast,
)

NAME, OF_TIMM = "demo/tiny-bert", "demo/tiny-resnet"
WORDS = {"[UNK]": 0, "scratch": 1, "dent": 2}


def tiny() -> BertModel:
    torch.manual_seed(7)
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    return BertModel(BertConfig(vocab_size=8, intermediate_size=16, **small))


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    mine, theirs = one.state_dict(), other.state_dict()
    return mine.keys() == theirs.keys() and all(
        torch.equal(mine[name], theirs[name]) for name in mine
    )


def main() -> None:
    words = Tokenizer(models.WordLevel(WORDS, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    model = tiny()
    first = model.push_to_hub(NAME, commit_message="Weights")
    PreTrainedTokenizerFast(tokenizer_object=words).push_to_hub(NAME)
    found = {
        "config": AutoConfig.from_pretrained(NAME).model_type,
        "weights": same(model, AutoModel.from_pretrained(NAME)),
        "words": AutoTokenizer.from_pretrained(NAME)("dent scratch")["input_ids"],
    }
    with torch.no_grad():
        model.embeddings.word_embeddings.weight += 1
    model.push_to_hub(NAME, commit_message="Moved")
    found["old"] = same(tiny(), AutoModel.from_pretrained(NAME, revision=first.oid))
    with tempfile.TemporaryDirectory() as folder:
        Storage.download(f"hf://{NAME}:{first.oid}", folder)
        found["kserve"] = sorted(path.name for path in Path(folder).iterdir())
        found["kserve_weights"] = same(tiny(), AutoModel.from_pretrained(folder))
    try:
        AutoModel.from_pretrained("demo/there-is-none")
    except OSError as exc:
        found["missing"] = "is not a local folder" in str(exc)
    resnet = timm.create_model("test_resnet", num_classes=3)
    timm.models.push_to_hf_hub(resnet, OF_TIMM, safe_serialization=True)
    again = timm.create_model(f"hf-hub:{OF_TIMM}", pretrained=True)
    found["timm"] = same(resnet, again)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
