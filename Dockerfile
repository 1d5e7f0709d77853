# One image for every role; the command says which. Nothing is compiled: all of it comes as wheels.
FROM python:3.13-slim-bookworm AS build

RUN python -m venv /opt/scsync
ENV PATH=/opt/scsync/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1

# The locked dependencies first: a change of ours does not fetch them again.
COPY requirements.txt /src/
RUN pip install --require-hashes -r /src/requirements.txt
COPY . /src/
RUN pip install --no-deps --no-build-isolation /src


FROM python:3.13-slim-bookworm

RUN useradd --system --create-home --home-dir /var/lib/scsync --uid 10001 scsync
COPY --from=build /opt/scsync /opt/scsync
ENV PATH=/opt/scsync/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /var/lib/scsync
USER scsync

STOPSIGNAL SIGTERM
CMD ["scsync", "up"]
