#!/usr/bin/env node
import { launch } from './launch.js'

await launch('mcp-servers/main', 'mcp_exa')
