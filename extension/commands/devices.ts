import { basename } from "node:path";
import { ConfigurationTarget, ProgressLocation, window, workspace, type QuickPickItem, type Uri } from "vscode";
import type { Device, DeviceFigures } from "../../engine/api/host";
import type { Services } from "../services";
import { settingsFor } from "../settings";
import { deviceTable, deviceVerdict } from "./report-text";
import { carryOut, prepared, showReport } from "./reports";
import { isTrusted } from "./trust";

/** What trains: chosen by hand, or by trying the user's own model on each. */
export function deviceCommands(services: Services): Record<string, (argument?: unknown) => Promise<void>> {
  return {
    chooseDevice: () => chooseDevice(services),
    async compareDevices(argument) {
      const uri = await prepared(argument, "Compare Devices");
      if (!uri) return;
      const message = await carryOut(
        services,
        uri,
        (timeLimit) => ({ kind: "devices", file: uri.fsPath, timeLimit, measure: true }),
        "Trying the devices with",
        "devices",
      );
      if (message) await showComparison(uri, message.devices, message.batchSize);
    },
  };
}

const NAMES: Readonly<Record<Device, string>> = { cpu: "CPU", webgpu: "GPU" };

async function chooseDevice(services: Services): Promise<void> {
  if (!(await isTrusted("Choosing a device"))) return;
  const uri = window.activeTextEditor?.document.uri;
  const settings = settingsFor(uri);
  const found = await window.withProgress(
    { location: ProgressLocation.Window, title: "Looking what this machine can compute on" },
    async () => {
      let devices: readonly DeviceFigures[] | undefined;
      const task = { kind: "devices", file: "", timeLimit: settings.timeLimit, measure: false } as const;
      const host = services.hosts.start(task, settings, {
        onMessage: (message) => {
          if (message.kind === "devices") devices = message.devices;
        },
      });
      const { failure } = await host.ended;
      if (failure !== null) services.log.error(`devices: ${failure}`);
      return devices;
    },
  );
  type Item = QuickPickItem & { readonly device?: Device };
  const items: Item[] = (["cpu", "webgpu"] as const).map((device) => {
    const figures = found?.find((each) => each.device === device);
    const lacking = found
      ? (figures?.lacking ?? null)
      : device === "cpu"
        ? null
        : "it could not be looked for; see the log";
    return {
      label: `${lacking === null ? "" : "$(circle-slash) "}${NAMES[device]}`,
      description: device === settings.device ? "current" : "",
      detail: lacking ?? figures?.name ?? "",
      device,
    };
  });
  const picked = await window.showQuickPick(items, {
    title: "Device for Trainings",
    placeHolder: "What is to train from now on? What trains already stays where it is",
    matchOnDetail: true,
  });
  if (picked?.device && picked.device !== settings.device) await useDevice(picked.device, uri);
}

/** Where the setting is said already, it is changed there. */
async function useDevice(device: Device, uri: Uri | undefined): Promise<void> {
  const configuration = workspace.getConfiguration("backstep", uri ?? null);
  const said = configuration.inspect<string>("engine.device");
  const target =
    said?.workspaceFolderValue !== undefined
      ? ConfigurationTarget.WorkspaceFolder
      : said?.workspaceValue !== undefined
        ? ConfigurationTarget.Workspace
        : ConfigurationTarget.Global;
  await configuration.update("engine.device", device, target);
}

async function showComparison(uri: Uri, devices: readonly DeviceFigures[], batchSize: number | null): Promise<void> {
  const name = basename(uri.fsPath);
  await showReport(uri, "devices", deviceTable(name, devices, batchSize));
  void offerBest(uri, name, devices);
}

async function offerBest(uri: Uri, name: string, devices: readonly DeviceFigures[]): Promise<void> {
  const { device } = settingsFor(uri);
  const { text, best } = deviceVerdict(devices);
  const use = best !== null && best !== device ? `Use the ${NAMES[best]}` : undefined;
  const answer = await window.showInformationMessage(`Backstep: ${name}: ${text}`, ...(use === undefined ? [] : [use]));
  if (use !== undefined && best !== null && answer === use) await useDevice(best, uri);
}
