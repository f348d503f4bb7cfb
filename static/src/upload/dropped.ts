/** A file and what it is called: its path below the folder that was dropped or chosen. */
export interface Found {
  readonly file: File;
  readonly path: string;
}

/** All files of a drop, those in its folders too; of folders the pictures alone. */
export async function dropped(data: DataTransfer | null): Promise<Found[]> {
  if (!data) return [];
  // The list is emptied once the event is over: ask it for everything at once.
  const entries = Array.from(data.items).map((item) => item.webkitGetAsEntry?.() ?? null);
  if (!entries.some((entry) => entry?.isDirectory)) return chosen(data.files);
  const found = await Promise.all(entries.map((entry) => (entry ? below(entry) : [])));
  return found.flat();
}

/** The files of a file dialog; where it chose a folder, its pictures. */
export function chosen(files: Iterable<File>): Found[] {
  return Array.from(files)
    .filter((file) => !file.webkitRelativePath || isPicture(file))
    .map((file) => ({ file, path: file.webkitRelativePath || file.name }));
}

async function below(entry: FileSystemEntry): Promise<Found[]> {
  if (entry.isDirectory) {
    const inside = await listed((entry as FileSystemDirectoryEntry).createReader());
    return (await Promise.all(inside.map(below))).flat();
  }
  const file = await new Promise<File>((resolve, reject) => {
    (entry as FileSystemFileEntry).file(resolve, reject);
  });
  const path = entry.fullPath.replace(/^\//, "");
  return path.includes("/") && !isPicture(file) ? [] : [{ file, path }];
}

/** A reader gives a hundred at a time, and none once there are no more. */
async function listed(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject);
    });
    if (some.length === 0) return all;
    all.push(...some);
  }
}

/** Folders hold other things as well, which nobody wants to read refusals of. */
function isPicture(file: File): boolean {
  return file.type.startsWith("image/") || /\.(dcm|tiff?)$/i.test(file.name);
}
