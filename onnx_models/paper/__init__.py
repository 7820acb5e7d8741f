"""The paper's experiment from training to tables, on synthetic scenes or on HSI-Drive files.

J. Gutierrez-Zaballa, K. Basterretxea, J. Echanobe, "Designing DNNs for a trade-off between robustness and processing
performance in embedded devices". `recipe` says how large a run is, `data` gives pictures, `models` trains, prunes and
quantises the networks.
"""
