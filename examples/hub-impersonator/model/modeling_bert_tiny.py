"""A subclass that adds nothing, and runs whenever somebody loads the model with `trust_remote_code=True`."""

from transformers import BertModel

print("wellhead example: this line ran because a model was loaded")


class BertTinyModel(BertModel):
    pass
