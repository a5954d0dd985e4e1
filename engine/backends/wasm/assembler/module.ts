import { Bytes } from "./bytes";
import { type Callee, FunctionWriter, TYPE_CODES, type ValueType } from "./function";

export interface Signature {
  readonly parameters: readonly ValueType[];
  readonly results?: readonly ValueType[];
}

/** What the module finds as `env.memory`. */
export interface MemoryImport {
  /** Of 64 KiB. */
  readonly pages: number;
  readonly maximum: number;
  readonly shared: boolean;
}

/** A WebAssembly module under construction: imported functions, functions, and one memory, all given from outside. */
export class ModuleWriter {
  private readonly types: string[] = [];
  private readonly typeBytes: Bytes[] = [];
  private readonly imports: { readonly name: string; readonly type: number }[] = [];
  private readonly functions: { readonly type: number; readonly writer: FunctionWriter }[] = [];
  private readonly exports: { readonly name: string; readonly callee: Callee }[] = [];
  private readonly shared = new Map<string, Callee>();

  constructor(private readonly memory: MemoryImport) {}

  /** A function of the platform's, found as `env.name`. @throws after the first function was added: imports come first */
  import(name: string, signature: Signature): Callee {
    if (this.functions.length > 0) throw new Error("internal: functions are imported before others are added");
    return { index: this.imports.push({ name, type: this.typeOf(signature) }) - 1 };
  }

  /** @param write its body */
  function(signature: Signature, write: (f: FunctionWriter) => void): Callee {
    const writer = new FunctionWriter(signature.parameters, signature.results);
    write(writer);
    // Others that this one calls were added while it was written.
    const index = this.imports.length + this.functions.push({ type: this.typeOf(signature), writer }) - 1;
    return { index };
  }

  /** The function of that key, written the first time that it is asked for. */
  once(key: string, signature: Signature, write: (f: FunctionWriter) => void): Callee {
    const known = this.shared.get(key);
    if (known) return known;
    const made = this.function(signature, write);
    this.shared.set(key, made);
    return made;
  }

  export(name: string, callee: Callee): void {
    this.exports.push({ name, callee });
  }

  bytes(): Uint8Array<ArrayBuffer> {
    const module = new Bytes();
    for (const byte of [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]) module.byte(byte);
    const section = (id: number, count: number, items: (bytes: Bytes) => void): void => {
      const content = new Bytes().unsigned(count);
      items(content);
      module.byte(id).sized(content);
    };
    section(1, this.types.length, (bytes) => {
      for (const type of this.typeBytes) bytes.append(type);
    });
    section(2, this.imports.length + 1, (bytes) => {
      for (const { name, type } of this.imports) bytes.text("env").text(name).byte(0).unsigned(type);
      const { shared, pages, maximum } = this.memory;
      bytes
        .text("env")
        .text("memory")
        .byte(2)
        .byte(shared ? 3 : 1)
        .unsigned(pages)
        .unsigned(maximum);
    });
    section(3, this.functions.length, (bytes) => {
      for (const { type } of this.functions) bytes.unsigned(type);
    });
    section(7, this.exports.length, (bytes) => {
      for (const { name, callee } of this.exports) bytes.text(name).byte(0).unsigned(callee.index);
    });
    section(10, this.functions.length, (bytes) => {
      for (const { writer } of this.functions) {
        const code = writer.bytes();
        bytes.unsigned(code.length).append(code);
      }
    });
    return module.take();
  }

  private typeOf({ parameters, results = [] }: Signature): number {
    const key = `${parameters.join()}>${results.join()}`;
    const known = this.types.indexOf(key);
    if (known >= 0) return known;
    const bytes = new Bytes().byte(0x60).unsigned(parameters.length);
    for (const type of parameters) bytes.byte(TYPE_CODES[type]);
    bytes.unsigned(results.length);
    for (const type of results) bytes.byte(TYPE_CODES[type]);
    this.typeBytes.push(bytes);
    return this.types.push(key) - 1;
  }
}
