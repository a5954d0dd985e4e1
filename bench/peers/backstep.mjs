/** Backstep's engine as a contestant: `node backstep.mjs BUNDLE OPTIONS`, with the bundle of ../cpu/engine-main.ts. */
import { pathToFileURL } from "node:url";
import { serve } from "./serve.mjs";

const [, , bundle, options] = process.argv;
const { createLoader } = await import(pathToFileURL(bundle).href);
serve(await createLoader(JSON.parse(options)));
