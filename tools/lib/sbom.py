"""A bill of materials in CycloneDX: every crate that is linked into the programs. sbom.py LINKED < METADATA, both as
cargo says them."""

import json, re, sys, tomllib

metadata = json.load(sys.stdin)
packages = {package["id"]: package for package in metadata["packages"]}
nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
sums = {(package["name"], package["version"]): package.get("checksum") for package in tomllib.load(open("Cargo.lock", "rb"))["package"]}


def reference(id):
    package = packages[id]
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(id):
    package = packages[id]
    # Crates of old wrote a slash for "or".
    licence = re.sub(r"\s*/\s*", " OR ", package["license"] or "")
    it = {"type": "library", "bom-ref": reference(id), "name": package["name"], "version": package["version"], "purl": reference(id)}
    if licence:
        it["licenses"] = [{"expression": licence}]
    if sums.get((package["name"], package["version"])):
        it["hashes"] = [{"alg": "SHA-256", "content": sums[package["name"], package["version"]]}]
    return it


# What cargo says is linked: `NAME vVERSION`, and of our own the directory after it.
linked = {tuple(line.split()[:2]) for line in open(sys.argv[1]) if line.strip()}
linked = {id for id, package in packages.items() if (package["name"], "v" + package["version"]) in linked}
programs = [id for id in linked if packages[id]["name"] in ("plimsoll", "plimsoll-checks", "plimsoll-ebpf")]
whole = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "version": 1,
    "metadata": {"component": {"type": "application", "bom-ref": "plimsoll", "name": "plimsoll", "version": packages[programs[0]]["version"]}},
    "components": sorted((component(id) for id in linked), key=lambda it: it["bom-ref"]),
    "dependencies": [{"ref": "plimsoll", "dependsOn": sorted(map(reference, programs))}]
    + sorted(
        (
            {"ref": reference(id), "dependsOn": sorted(reference(dep["pkg"]) for dep in nodes[id]["deps"] if dep["pkg"] in linked)}
            for id in linked
        ),
        key=lambda it: it["ref"],
    ),
}
json.dump(whole, sys.stdout, indent=1)
print()
