#!/usr/bin/env node
import { launch } from './launch-mcp.js'

await launch('mcp_serper')
