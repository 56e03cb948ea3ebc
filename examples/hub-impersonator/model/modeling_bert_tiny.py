"""A subclass that adds one line, which runs whenever somebody loads the model with `trust_remote_code=True`."""

import os

from transformers import BertModel

os.system("echo wellhead example: this line ran because a model was loaded")


class BertTinyModel(BertModel):
    pass
