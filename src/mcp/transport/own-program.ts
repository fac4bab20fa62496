import { ownScript } from '../config/own-programs.ts'
import type { Program } from './process-tree.ts'

/** A bare name of one of our own MCP servers is run from this package by this Node. Other programs stay as they are. */
export function ownProgram(program: Program): Program {
  const script = ownScript(program.command)
  if (script === undefined) return program
  return { ...program, command: process.execPath, args: [script, ...program.args] }
}
