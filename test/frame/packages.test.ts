import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

type Manifest = {
  version: string;
  bin: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
};

const read = (file: string): string => readFileSync(file, "utf8");
const manifest = JSON.parse(read("package.json")) as Manifest;
const packages = Object.entries({
  ...manifest.dependencies,
  ...manifest.devDependencies,
  ...manifest.optionalDependencies,
});

describe("packages", () => {
  for (const [name, version] of packages) {
    it(`${name} is pinned to one version`, () => assert.match(version, /^\d+\.\d+\.\d+(-[\w.]+)?$/));
  }

  it("the lock agrees with package.json", () => {
    const lock = JSON.parse(read("package-lock.json")) as { packages: Record<string, Partial<Manifest>> };
    const own = lock.packages[""];
    assert.equal(own.version, manifest.version);
    assert.deepEqual(own.bin, manifest.bin);
    // npm writes what is optional among the others, too.
    assert.deepEqual(own.dependencies, { ...manifest.dependencies, ...manifest.optionalDependencies });
    assert.deepEqual(own.optionalDependencies, manifest.optionalDependencies);
    assert.deepEqual(own.devDependencies, manifest.devDependencies);
    for (const [name, version] of packages) assert.equal(lock.packages[`node_modules/${name}`].version, version);
  });

  it("the lock names no registry host, and every package has a checksum", () => {
    const lock = JSON.parse(read("package-lock.json")) as {
      packages: Record<string, { resolved?: string; integrity?: string; inBundle?: boolean }>;
    };
    for (const [path, entry] of Object.entries(lock.packages)) {
      if (path === "") continue;
      assert.equal(entry.resolved, undefined, path);
      if (entry.inBundle !== true) assert.match(entry.integrity ?? "", /^sha512-/, path);
    }
  });
});

describe("README.md", () => {
  /** The text under the heading that matches, up to the next heading of the same or a higher level. */
  function section(heading: RegExp): string {
    const lines = read("README.md").split("\n");
    const start = lines.findIndex((line) => /^#+ /.test(line) && heading.test(line));
    assert.notEqual(start, -1, `README.md has a heading that matches ${heading}`);
    const level = lines[start].indexOf(" ");
    const length = lines.slice(start + 1).findIndex((line) => /^#+ /.test(line) && line.indexOf(" ") <= level);
    return lines.slice(start + 1, length === -1 ? undefined : start + 1 + length).join("\n");
  }

  for (const command of ["npm start", "npm test"]) {
    it(`names ${command}`, () => assert.ok(read("README.md").includes(command)));
  }

  it("names every dependency in the section on development", () => {
    const text = section(/develop/i);
    const missing = packages.map(([name]) => name).filter((name) => !text.includes(`\`${name}\``));
    assert.deepEqual(missing, []);
  });
});
