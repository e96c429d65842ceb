/** The files of one job, numbered as they come. */
export class JobPaths {
  readonly list: string[] = [];
  private readonly numbers = new Map<number, number>();

  constructor(private readonly pathOf: (fileIndex: number) => string) {}

  add(fileIndex: number): number {
    const known = this.numbers.get(fileIndex);
    if (known !== undefined) return known;
    const number = this.list.push(this.pathOf(fileIndex)) - 1;
    this.numbers.set(fileIndex, number);
    return number;
  }
}
