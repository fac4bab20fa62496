/** CPU time and memory of a process and its children, from Linux's /proc. */
import { readdirSync, readFileSync } from 'node:fs'

/** A tick of utime and stime: `getconf CLK_TCK` is 100 on every Linux that Node runs on. */
const TICK_MICROSECONDS = 10_000

/** CPU microseconds, user and system, of all threads of the process and its descendants. */
export function cpuMicroseconds(pid: number): number {
  return familyOf(pid).reduce((sum, member) => sum + (preciseCpu(member) ?? tickedCpu(member)), 0)
}

/** CPU microseconds of the process alone, and of all its descendants together. */
export function cpuApart(pid: number): { readonly own: number; readonly children: number } {
  const own = preciseCpu(pid) ?? tickedCpu(pid)
  return { own, children: cpuMicroseconds(pid) - own }
}

/** Resident megabytes (10^6 bytes) of the process and its descendants. */
export function residentMegabytes(pid: number): number {
  return familyOf(pid).reduce((sum, member) => sum + residentOf(member), 0)
}

function familyOf(pid: number): number[] {
  const parents = new Map<number, number>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const parent = statOf(Number(entry))?.[1]
    if (parent !== undefined) parents.set(Number(entry), Number(parent))
  }
  const family = [pid]
  for (const member of family) {
    for (const [child, parent] of parents) if (parent === member) family.push(child)
  }
  return family
}

/** CPU microseconds from the scheduler's nanoseconds, where the kernel exposes them. utime and stime move in steps of 10 ms. */
function preciseCpu(pid: number): number | undefined {
  try {
    let nanoseconds = 0
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
    }
    return nanoseconds / 1_000
  } catch {
    return undefined
  }
}

function tickedCpu(pid: number): number {
  const stat = statOf(pid)
  return (Number(stat?.[11] ?? 0) + Number(stat?.[12] ?? 0)) * TICK_MICROSECONDS
}

/** The fields of /proc/PID/stat after the name, which may contain anything but ends at the last parenthesis. The first field is the state. */
function statOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}

function residentOf(pid: number): number {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return (Number(kilobytes ?? 0) * 1_024) / 1_000_000
  } catch {
    return 0
  }
}
