/** Put in by the build from package.json. */
declare const BACKSTEP_VERSION: string;

export const VERSION = BACKSTEP_VERSION;
