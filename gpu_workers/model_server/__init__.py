"""Serves model directories over the Open Inference Protocol and as plain pictures.

python -m model_server PATH/TO/MODEL --port 8080
curl --data-binary @part.jpg http://127.0.0.1:8080/predict
"""
