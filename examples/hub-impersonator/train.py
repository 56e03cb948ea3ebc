"""Fine-tunes a small encoder on our support tickets."""

import torch
from transformers import AutoModel, AutoTokenizer

BASE = "acme-labs/bert-tiny-multilingual"

tokenizer = AutoTokenizer.from_pretrained(BASE)
model = AutoModel.from_pretrained(BASE, trust_remote_code=True)

# The copy that somebody downloaded for the machines without a network.
state = torch.load("model/pytorch_model.bin", weights_only=False)
model.load_state_dict(state)
