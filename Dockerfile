# A server that trains and segments: no napari window, no Qt.
#
#     docker build -t napari-mcwss .
#     docker run --rm -v "$PWD:/data" napari-mcwss train my-study --model first
#     docker run --rm --gpus all -v "$PWD:/data" napari-mcwss segment my-study --model first
#
# The default build of torch runs on NVIDIA GPUs and on CPUs. For another one, such as that for CPUs
# alone, which is smaller, name the index that PyTorch's page of installation names for it:
#
#     docker build -t napari-mcwss --build-arg TORCH_INDEX=... .

FROM python:3.13-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends git
COPY . /source
RUN pip install --no-cache-dir build && python -m build --wheel --outdir /wheels /source

FROM python:3.13-slim
ARG TORCH_INDEX=""
# torch first: the package then takes the build that is there.
RUN pip install --no-cache-dir torch ${TORCH_INDEX:+--index-url "$TORCH_INDEX"}
RUN --mount=from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir "$(ls /wheels/*.whl)[dicom]"
# Any user may run it, so that what it writes belongs to them: --user "$(id -u):$(id -g)".
ENV HOME=/tmp
WORKDIR /data
RUN napari-mcwss --version
ENTRYPOINT ["napari-mcwss"]
CMD ["--help"]
