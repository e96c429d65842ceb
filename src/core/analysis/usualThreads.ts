const mostThreads = 64;

/**
 * Threads that work through a checkpoint where nobody says how many. One core is left to whatever else the machine
 * does, but of two both are used: the work is over in half the time.
 */
export function usualThreads(cores: number): number {
  return Math.min(Math.max(Math.min(cores, 2), cores - 1), mostThreads);
}
