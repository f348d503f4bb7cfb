const KEEP = 6;

/** Decoded pictures by address, the last few of them; neighbours are fetched ahead. */
export class Pictures {
  readonly #cache = new Map<string, Promise<HTMLImageElement | null>>();

  /** The picture; null where it cannot be decoded. */
  get(url: string): Promise<HTMLImageElement | null> {
    const known = this.#cache.get(url);
    if (known) return known;
    const image = new Image();
    image.src = url;
    const loading = image.decode().then(
      () => image,
      () => {
        this.#cache.delete(url);
        return null;
      },
    );
    this.#cache.set(url, loading);
    for (const oldest of Array.from(this.#cache.keys()).slice(0, -KEEP)) this.#cache.delete(oldest);
    return loading;
  }
}
