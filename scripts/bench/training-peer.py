"""Trains the models of training-models.ts in TensorFlow (graph mode, no XLA) or PyTorch, for training.ts.

usage: training-peer.py tensorflow|tensorflow-fused|torch dense|convolutional IMAGES BATCH

`tensorflow` is what its guides write, a tf.function of a step with Keras's Adam; `tensorflow-fused` loops within the graph
and moves each weight with one fused operation.

Prints its version, then for each line of input, a number of seconds, the images a second that it trained.
"""

import gzip
import sys
import time

import numpy as np

FRAMEWORK, MODEL, PATH, BATCH = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
STEPS = 50
LAYERS = [784, 512, 128, 32, 128, 512, 784]

with gzip.open(PATH) as file:
    IMAGES = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784)
RANDOM = np.random.default_rng(1)


def rows():
    return RANDOM.integers(0, len(IMAGES), (STEPS, BATCH), dtype=np.int32)


def uniform(shape, inputs):
    bound = (6 / inputs) ** 0.5
    return RANDOM.uniform(-bound, bound, shape).astype(np.float32)


def tensorflow(fused=False):
    import tensorflow as tf

    if MODEL == "dense":
        weights = []
        for inputs, outputs in zip(LAYERS, LAYERS[1:]):
            weights += [tf.Variable(uniform((inputs, outputs), inputs)), tf.Variable(tf.zeros(outputs))]

        def picture(flat):
            values = flat
            for i in range(6):
                values = tf.matmul(values, weights[2 * i]) + weights[2 * i + 1]
                if i not in (2, 5):
                    values = tf.nn.relu(values)
            return tf.sigmoid(values)
    else:
        shapes = [(3, 3, 1, 16), (3, 3, 16, 32), (1568, 32), (32, 1568), (3, 3, 16, 32), (3, 3, 1, 16)]
        inputs = [9, 144, 1568, 32, 288, 144]
        outputs = [16, 32, 32, 1568, 16, 1]
        weights = []
        for shape, fan, width in zip(shapes, inputs, outputs):
            weights += [tf.Variable(uniform(shape, fan)), tf.Variable(tf.zeros(width))]

        def picture(flat):
            w = weights
            values = tf.reshape(flat, (BATCH, 28, 28, 1))
            values = tf.nn.relu(tf.nn.conv2d(values, w[0], 2, "SAME") + w[1])
            values = tf.nn.relu(tf.nn.conv2d(values, w[2], 2, "SAME") + w[3])
            values = tf.matmul(tf.reshape(values, (BATCH, 1568)), w[4]) + w[5]
            values = tf.nn.relu(tf.matmul(values, w[6]) + w[7])
            values = tf.reshape(values, (BATCH, 7, 7, 32))
            values = tf.nn.relu(tf.nn.conv2d_transpose(values, w[8], (BATCH, 14, 14, 16), 2) + w[9])
            values = tf.nn.conv2d_transpose(values, w[10], (BATCH, 28, 28, 1), 2) + w[11]
            return tf.sigmoid(tf.reshape(values, (BATCH, 784)))

    images = tf.constant(IMAGES)

    def differentiate(chosen):
        flat = tf.cast(tf.gather(images, chosen), tf.float32) / 255.0
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.math.squared_difference(picture(flat), flat))
        return loss, tape.gradient(loss, weights)

    if not fused:
        optimizer = tf.keras.optimizers.Adam(1e-3, epsilon=1e-7)
        optimizer.build(weights)

        @tf.function(jit_compile=False)
        def step(chosen):
            loss, gradients = differentiate(chosen)
            optimizer.apply_gradients(zip(gradients, weights))
            return loss

        def run():
            for chosen in tf.constant(rows()):
                loss = step(chosen)
            return float(loss)

        return f"TensorFlow {tf.__version__}", run

    first = [tf.Variable(tf.zeros_like(w)) for w in weights]
    second = [tf.Variable(tf.zeros_like(w)) for w in weights]
    powers = [tf.Variable(0.9), tf.Variable(0.999)]

    @tf.function(jit_compile=False)
    def steps(chosen):
        loss = 0.0
        for at in tf.range(STEPS):
            loss, gradients = differentiate(chosen[at])
            for w, m, v, g in zip(weights, first, second, gradients):
                tf.raw_ops.ResourceApplyAdam(
                    var=w.handle, m=m.handle, v=v.handle, beta1_power=powers[0], beta2_power=powers[1],
                    lr=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-7, grad=g,
                )  # fmt: skip
            powers[0].assign(powers[0] * 0.9)
            powers[1].assign(powers[1] * 0.999)
        return loss

    return f"TensorFlow {tf.__version__}", lambda: float(steps(tf.constant(rows())))


def torch():
    import torch
    from torch import nn

    images = torch.from_numpy(IMAGES.copy())
    if MODEL == "dense":
        layers = []
        for i, (inputs, outputs) in enumerate(zip(LAYERS, LAYERS[1:])):
            layers.append(nn.Linear(inputs, outputs))
            if i not in (2, 5):
                layers.append(nn.ReLU())
        model = nn.Sequential(*layers, nn.Sigmoid())
    else:
        model = nn.Sequential(
            nn.Unflatten(1, (1, 28, 28)),
            nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Flatten(),
            nn.Linear(1568, 32), nn.Linear(32, 1568), nn.ReLU(), nn.Unflatten(1, (32, 7, 7)),
            nn.ConvTranspose2d(32, 16, 3, 2, 1, 1), nn.ReLU(), nn.ConvTranspose2d(16, 1, 3, 2, 1, 1),
            nn.Flatten(), nn.Sigmoid(),
        )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, eps=1e-7)

    def run():
        for chosen in torch.from_numpy(rows()):
            flat = images[chosen.long()].float() / 255
            loss = nn.functional.mse_loss(model(flat), flat)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return float(loss.detach())

    return f"PyTorch {torch.__version__}", run


FRAMEWORKS = {"tensorflow": tensorflow, "tensorflow-fused": lambda: tensorflow(fused=True), "torch": torch}

try:
    version, train = FRAMEWORKS[FRAMEWORK]()
except ImportError as error:
    print(f"absent {error}", flush=True)
    sys.exit()
train()
print(f"ready {version}", flush=True)
for line in sys.stdin:
    until = time.perf_counter() + float(line)
    began = time.perf_counter()
    steps = 0
    while time.perf_counter() < until:
        loss = train()
        steps += STEPS
    print(f"{steps * BATCH / (time.perf_counter() - began)} {loss}", flush=True)
