# The `wardline` command in an image: hub, edge agent and simulators are the same image with other words.
FROM python:3.11.14-slim-bookworm AS build
WORKDIR /source
# With what the data lake and the SQL projection need.
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements-image.lock ./
RUN python -m venv /opt/wardline \
    && /opt/wardline/bin/python -m pip install --only-binary :all: --require-hashes --requirement requirements-image.lock
COPY pyproject.toml README.md LICENSE ./
COPY vitals ./vitals
COPY rules ./rules
COPY chassis ./chassis
COPY edge_agent ./edge_agent
COPY firmware_sim ./firmware_sim
COPY hub ./hub
COPY grafana ./grafana
COPY wardline ./wardline
RUN /opt/wardline/bin/python -m pip install --no-deps --no-build-isolation .

FROM python:3.11.14-slim-bookworm
# 1000 is also the user of the InfluxDB image, so that one user can own every volume of docker-compose.yml.
# A new volume takes its owner from the folder it is first mounted on: these are for the `init` service.
RUN groupadd --gid 1000 wardline \
    && useradd --uid 1000 --gid wardline --no-create-home --home-dir /var/lib/wardline --shell /usr/sbin/nologin wardline \
    && for part in credentials mosquitto hub edge influxdb influxdb3 postgres prometheus grafana; do \
        install --directory --owner wardline --group wardline --mode 0700 "/srv/secrets/$part" "/srv/data/$part"; \
    done \
    && install --directory --owner wardline --group wardline --mode 0700 /var/lib/wardline
COPY --from=build /opt/wardline /opt/wardline
ENV PATH=/opt/wardline/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 1000:1000
WORKDIR /var/lib/wardline
ENTRYPOINT ["wardline"]
CMD ["--help"]
