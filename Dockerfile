# Gofer in a container. The container is the boundary for agents (GOFER_SANDBOX=container): they run
# under a user id of their own, and see only what is mounted here.
#
#   docker build -t gofer .
#   docker run -d --name gofer --env-file .env -v gofer-home:/data \
#     -v ~/src/app:/projects/app -p 127.0.0.1:8765:8765 gofer
FROM python:3.12-slim

RUN apt-get update \
 && apt-get install -y --no-install-recommends git nodejs npm \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/gofer
COPY . .
RUN pip install --no-cache-dir .

# agents, as you need them: --build-arg AGENTS="@anthropic-ai/claude-code @openai/codex"
ARG AGENTS=""
RUN if [ -n "$AGENTS" ]; then npm install --global $AGENTS && npm cache clean --force; fi

# Gofer itself is root inside; each agent runs as this user, who can write nothing but its workspace
RUN useradd --uid 61000 --create-home gofer-agent && mkdir -p /projects
VOLUME /data
WORKDIR /data
ENV GOFER_HOME=/data GOFER_PROJECTS=/projects GOFER_SANDBOX=container GOFER_MCP_HOST=0.0.0.0
EXPOSE 8765
HEALTHCHECK CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8765/healthz', timeout=5)"]
CMD ["gofer", "up"]
