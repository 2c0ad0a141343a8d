// SPDX-License-Identifier: GPL-2.0

//! The module's instrumented code: the address of each block.
//!
//! The compiler inserts a call of KCOV's function into every basic block. KCOV records the return
//! address of that call, and the object file contains a relocation for it.
//!
//! Blocks that no program should reach are left out: those that call a function only after a
//! mistake, such as a report of KASAN or a panic, and those of the unit tests. (The C compiler adds
//! KASAN's reports to blocks that are otherwise complete; no such block is left out.)

use anyhow::{bail, Context, Result};
use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionKind, SymbolKind};
use std::{fs, path::Path};

/// The function that every block calls.
const TRACE: &str = "__sanitizer_cov_trace_pc";

/// Whether a function is only called after a mistake.
fn is_complaint(name: &str) -> bool {
    name.starts_with("__asan_report_")
        || name.contains("core::panicking::")
        || name.contains("core::slice::index::slice_")
}

/// Whether a function is written in Rust, whose names have a path.
fn is_rust(name: &str) -> bool {
    name.contains("::")
}

/// Whether a function belongs to the unit tests, or runs only when the module is loaded or
/// unloaded.
fn is_foreign(name: &str) -> bool {
    name.contains("kunit") || name.starts_with("asan.module_")
}

/// The distance from the start of a call's relocation to the next instruction.
const CALL_TAIL: u64 = 4;

/// One basic block.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// The section, as its index among [`Module::sections`].
    pub section: usize,
    /// The offset of the call's return address in the section.
    pub offset: u64,
}

/// A function.
#[derive(Debug)]
pub struct Function {
    /// The section that it is in.
    pub section: usize,
    /// Its start in the section.
    pub start: u64,
    /// Its length.
    pub size: u64,
    /// Its name in readable form.
    pub name: String,
}

/// The contents of `repoll.ko`.
#[derive(Debug)]
pub struct Module {
    /// The names of the sections with code that stays after loading and can run before unloading.
    pub sections: Vec<String>,
    /// The blocks that programs may reach, by section and offset.
    pub blocks: Vec<Block>,
    /// All functions, by section and start.
    pub functions: Vec<Function>,
}

impl Module {
    /// Reads the object file.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| path.display().to_string())?;
        let file = object::File::parse(&*bytes)?;
        let mut module = Self {
            sections: Vec::new(),
            blocks: Vec::new(),
            functions: Vec::new(),
        };
        // By section and offset, and with each whether it is about a mistake.
        let mut found = Vec::new();
        for section in file.sections() {
            let name = section.name()?;
            // Initialisation and exit run while nobody can call the module.
            if section.kind() != SectionKind::Text || !name.starts_with(".text") {
                continue;
            }
            let index = module.sections.len();
            module.sections.push(name.into());
            let mut calls = Vec::new();
            for (offset, relocation) in section.relocations() {
                let RelocationTarget::Symbol(symbol) = relocation.target() else {
                    continue;
                };
                let name = file.symbol_by_index(symbol)?.name()?;
                calls.push((offset, format!("{:#}", rustc_demangle::demangle(name))));
            }
            calls.sort();
            let blocks = calls.chunk_by(|_, (_, next)| next != TRACE);
            for block in blocks.filter(|block| block[0].1 == TRACE) {
                let complains = block.iter().any(|(_, name)| is_complaint(name));
                let offset = block[0].0 + CALL_TAIL;
                let section = index;
                found.push((Block { section, offset }, complains));
            }
            for symbol in file.symbols() {
                if symbol.section_index() == Some(section.index())
                    && symbol.kind() == SymbolKind::Text
                {
                    module.functions.push(Function {
                        section: index,
                        start: symbol.address(),
                        size: symbol.size(),
                        name: format!("{:#}", rustc_demangle::demangle(symbol.name()?)),
                    });
                }
            }
        }
        module
            .functions
            .sort_by_key(|function| (function.section, function.start));
        let counts = |(block, complains): (Block, bool)| {
            let name = module.function(&block).map_or("", |f| &f.name);
            let left_out = is_foreign(name) || (complains && is_rust(name));
            (!left_out).then_some(block)
        };
        module.blocks = found.into_iter().filter_map(counts).collect();
        Ok(module)
    }

    /// The function of a block.
    pub fn function(&self, block: &Block) -> Option<&Function> {
        // If a function ends with a call that never returns, the return address is that of the next
        // function.
        let at = (block.section, block.offset - 1);
        let next = self
            .functions
            .partition_point(|function| (function.section, function.start) <= at);
        let function = &self.functions[next.checked_sub(1)?];
        (function.section == at.0 && at.1 < function.start + function.size).then_some(function)
    }
}

/// Finds blocks by the addresses of the loaded module.
pub struct Loaded {
    /// For each section, its address, and for each offset the number of the block plus 1.
    sections: Vec<(u64, Vec<u16>)>,
}

impl Loaded {
    /// Reads where the kernel has loaded the module.
    pub fn new(module: &Module) -> Result<Self> {
        if module.blocks.len() >= usize::from(u16::MAX) {
            bail!("too many blocks: {}", module.blocks.len());
        }
        let mut sections = Vec::new();
        for name in &module.sections {
            let path = format!("/sys/module/repoll/sections/{name}");
            let text = fs::read_to_string(&path).with_context(|| path)?;
            let address = u64::from_str_radix(text.trim().trim_start_matches("0x"), 16)?;
            sections.push((address, Vec::new()));
        }
        for (number, block) in module.blocks.iter().enumerate() {
            let table: &mut Vec<u16> = &mut sections[block.section].1;
            table.resize(block.offset as usize + 1, 0);
            table[block.offset as usize] = number as u16 + 1;
        }
        Ok(Self { sections })
    }

    /// The number of the block whose call returns to this address.
    pub fn block(&self, address: u64) -> Option<usize> {
        self.sections.iter().find_map(|(start, table)| {
            let offset = usize::try_from(address.checked_sub(*start)?).ok()?;
            usize::from(*table.get(offset)?).checked_sub(1)
        })
    }
}
