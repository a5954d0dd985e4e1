/** What the system says of processes and disks. */

export function isProcess(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Why something could not be written. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case "ENOSPC":
      return "the disk is full";
    case "EROFS":
    case "EACCES":
    case "EPERM":
      return "the folder of the workspace's storage may not be written";
    default:
      return message ?? String(error);
  }
}
