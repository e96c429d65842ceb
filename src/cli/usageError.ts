/** The command line was called wrongly: told together with how it goes. */
export class UsageError extends Error {}
