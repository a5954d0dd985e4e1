import { existsSync } from "node:fs";
import { join } from "node:path";
import type ts from "typescript/lib/tsserverlibrary";

/**
 * A plugin of tsserver: where "backstep" is not installed, it resolves to the types that ship with the extension. VS Code finds
 * it as the package `backstep-types` in the extension's node_modules.
 */
function plugin({ typescript }: { readonly typescript: typeof ts }): ts.server.PluginModule {
  const types = join(__dirname, "..", "..", "dist", "types", "index.d.ts");

  return {
    create({ languageService, languageServiceHost: host, project }) {
      const resolve = host.resolveModuleNameLiterals?.bind(host);
      if (!resolve || !existsSync(types)) {
        project.projectService.logger.info(
          `backstep-types: no modules are resolved (${resolve ? types : "an older TypeScript"})`,
        );
        return languageService;
      }
      host.resolveModuleNameLiterals = (literals, ...rest) =>
        resolve(literals, ...rest).map((found, i) =>
          found.resolvedModule || literals[i].text !== "backstep"
            ? found
            : {
                ...found,
                resolvedModule: {
                  resolvedFileName: types,
                  extension: typescript.Extension.Dts,
                  isExternalLibraryImport: true,
                },
              },
        );
      return languageService;
    },
  };
}

module.exports = plugin;
