import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Program } from './process-tree.ts'

/** The names of the MCP servers that we ship, as the package's `bin` has them. */
const OWN_NAME = /^mcp_[a-z0-9]+$/

/**
 * A bare name of one of our own MCP servers stands for the program in this package, run by this Node: from a clone, and in
 * containers and services without the package's `bin` in PATH, the name alone would not be found. Other programs stay as they are.
 */
export function ownProgram(program: Program): Program {
  if (!OWN_NAME.test(program.command)) return program
  const script = fileURLToPath(new URL(`../../../bin/${program.command}.js`, import.meta.url))
  if (!existsSync(script)) return program
  return { ...program, command: process.execPath, args: [script, ...program.args] }
}
