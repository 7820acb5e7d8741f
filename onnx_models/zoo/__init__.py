"""Published topologies as float ONNX models with constant weights, for estimates of time, traffic and energy.

``build(name)`` returns a model; ``NAMES`` lists what there is. onnx and numpy are all that is needed.
"""

from collections.abc import Callable

import onnx

from onnx_models.zoo import classic, detection, inception, mobile, resnet, yolo
from onnx_models.zoo.segmentation import unet, unet_hsi

BUILDERS: dict[str, Callable[[], onnx.ModelProto]] = {
    "densenet121": classic.densenet121,
    "efficientnet_edge_l": lambda: mobile.efficientnet_edge("l"),
    "efficientnet_edge_m": lambda: mobile.efficientnet_edge("m"),
    "efficientnet_edge_s": lambda: mobile.efficientnet_edge("s"),
    "efficientnet_lite0": mobile.efficientnet_lite0,
    "inception_resnet_v2": inception.inception_resnet_v2,
    "inception_v1": inception.inception_v1,
    "inception_v2": lambda: inception.inception_v2(classes=1000, separable=False),
    "inception_v2_slim": inception.inception_v2,
    "inception_v3": inception.inception_v3,
    "inception_v4": inception.inception_v4,
    "mobilenet_edge": mobile.mobilenet_edge,
    "mobilenet_edge_0.75": lambda: mobile.mobilenet_edge(0.75),
    "mobilenet_v1": mobile.mobilenet_v1,
    "mobilenet_v1_0.25_128": lambda: mobile.mobilenet_v1(0.25, 128),
    "mobilenet_v2": mobile.mobilenet_v2,
    "resnet101": lambda: resnet.resnet(101),
    "resnet152": lambda: resnet.resnet(152),
    "resnet18": lambda: resnet.resnet(18),
    "resnet18_15_classes": lambda: resnet.resnet(18, classes=15),
    "resnet18_176x80": lambda: resnet.resnet(18, 176, 80, classes=0),
    "resnet34": lambda: resnet.resnet(34),
    "resnet50": lambda: resnet.resnet(50),
    "resnet50_slim": resnet.slim_resnet50,
    "resnet50_v1.5": lambda: resnet.resnet(50, late_stride=True),
    "resnet50_v1.5_256x128": lambda: resnet.resnet(50, 256, 128, late_stride=True, classes=0),
    "resnet50_v2_slim": resnet.slim_resnet50_v2,
    "sphereface20": classic.sphereface20,
    "squeezenet": classic.squeezenet,
    "ssd_inception_v2": detection.ssd_inception_v2,
    "ssd_mobilenet_v1": detection.ssd_mobilenet_v1,
    "ssd_resnet34": detection.ssd_resnet34,
    "superpoint": classic.superpoint,
    "tiny_yolo_v3": yolo.tiny_yolo_v3,
    "unet": unet,
    "unet_hsi": unet_hsi,
    "unet_hsi_hard_sigmoid": lambda: unet_hsi("hard_sigmoid"),
    "unet_hsi_sigmoid": lambda: unet_hsi("sigmoid"),
    "vgg16": classic.vgg,
    "vgg19": lambda: classic.vgg(19),
    "yolo_v2": yolo.yolo_v2,
    "yolo_v3": lambda: yolo.yolo_v3(classes=20),
    "yolo_v4": yolo.yolo_v4,
    "yolo_v4_512": lambda: yolo.yolo_v4(512),
    "yolo_v4_csp": yolo.yolo_v4_csp,
    "yolo_v5l": yolo.yolo_v5,
    "yolo_v5n": lambda: yolo.yolo_v5("n"),
    "yolo_x_m": lambda: yolo.yolo_x("m", classes=45),
    "yolo_x_nano": lambda: yolo.yolo_x("nano", 416),
}
NAMES = tuple(BUILDERS)


def build(name: str) -> onnx.ModelProto:
    """Return the model of a published topology.

    Raises
    ------
    KeyError
        When no builder has that name; the message lists them.
    """
    if name not in BUILDERS:
        raise KeyError(f"no topology {name!r}; there are {', '.join(NAMES)}")
    return BUILDERS[name]()


__all__ = ["BUILDERS", "NAMES", "build", "unet", "unet_hsi"]
