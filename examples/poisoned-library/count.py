"""Counts what stands on the shelves of one photograph."""

import sys

from ultralytics import YOLO

model = YOLO("weights/shelf.safetensors")
for result in model(sys.argv[1]):
    print(len(result.boxes))
