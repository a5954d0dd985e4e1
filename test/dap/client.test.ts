/** Paths, URIs (RFC 8089), lines and columns of clients. */
import assert from "node:assert/strict";
import {
  columnFromClient,
  columnToClient,
  lineFromClient,
  lineToClient,
  pathFromClient,
  pathToClient,
  plainClient,
  readClient,
  textToClient,
} from "../../engine/dap/client";

const uris = readClient({ pathFormat: "uri" });

/** Path, its URI, and other ways to write it. */
const PATHS: readonly (readonly [path: string, uri: string, ...others: string[]])[] = [
  ["/models/x.nn.ts", "file:///models/x.nn.ts", "file://localhost/models/x.nn.ts"],
  ["/a b/ü#1?.nn.ts", "file:///a%20b/%C3%BC%231%3F.nn.ts"],
  ["/100%/x.nn.ts", "file:///100%25/x.nn.ts"],
  ["c:\\models\\x.nn.ts", "file:///c%3A/models/x.nn.ts", "file:///c:/models/x.nn.ts"],
  ["\\\\server\\share\\x.nn.ts", "file://server/share/x.nn.ts"],
];

describe("a client's paths", () => {
  for (const [path, uri, ...others] of PATHS) {
    it(path, () => {
      assert.equal(pathToClient(uris, path), uri);
      for (const each of [uri, ...others]) {
        assert.equal(pathFromClient(uris, each), path);
        assert.equal(pathFromClient(plainClient, each), path, "URIs are understood anyway");
      }
      assert.equal(pathToClient(plainClient, path), path);
      assert.equal(pathFromClient(plainClient, path), path);
    });
  }

  for (const [written, path] of [
    ["/models/../models/./x.nn.ts", "/models/x.nn.ts"],
    ["/models//x.nn.ts", "/models/x.nn.ts"],
    ["/../x.nn.ts", "/x.nn.ts"],
    ["c:/models/sub/..\\x.nn.ts", "c:\\models\\x.nn.ts"],
    ["\\\\server\\share\\x.nn.ts", "\\\\server\\share\\x.nn.ts"],
    // On the systems whose paths begin with /, a \ is part of a name.
    ["/a\\..\\b/x.nn.ts", "/a\\..\\b/x.nn.ts"],
    ["../x.nn.ts", "../x.nn.ts"],
  ]) {
    it(`${written} is ${path}`, () => assert.equal(pathFromClient(plainClient, written), path));
  }

  it("what is no file's URI stays as it is", () => {
    for (const text of ["untitled:Untitled-1", "vscode-vfs://github/x.nn.ts", "tiny (backward)"]) {
      assert.equal(pathFromClient(uris, text), text);
    }
  });

  it("a URI that is none is an error that says so", () => {
    assert.throws(() => pathFromClient(uris, "file:///100%/x"), /file:\/\/\/100%\/x is no URI/);
  });
});

describe("a client's lines and columns", () => {
  for (const from of [0, 1]) {
    it(`count from ${from}`, () => {
      const client = readClient({ linesStartAt1: from === 1, columnsStartAt1: from === 1 });
      // The runtime's first is 1.
      assert.equal(lineToClient(client, 1), from);
      assert.equal(lineFromClient(client, from), 1);
      assert.equal(columnToClient(client, 5), from + 4);
      assert.equal(columnFromClient(client, from + 4), 5);
    });
  }

  it("count from 1 where nothing is said", () => {
    assert.deepEqual([plainClient.linesFrom, plainClient.columnsFrom, plainClient.uris], [1, 1, false]);
  });

  it("lines alone may count from 0", () => {
    const client = readClient({ linesStartAt1: false });
    assert.deepEqual([lineToClient(client, 3), columnToClient(client, 3)], [2, 3]);
  });
});

describe("colours", () => {
  const text = "\u001b[1;31mred\u001b[0m and \u001b[38;5;12mblue\u001b[K";
  it("stay for clients that know them", () =>
    assert.equal(textToClient(readClient({ supportsANSIStyling: true }), text), text));
  it("go for the others", () => assert.equal(textToClient(plainClient, text), "red and blue"));
});
