// SPDX-License-Identifier: MIT OR Apache-2.0

//! Loaded programs and libraries, and their symbol tables.

use crate::kernel::{call, int, Answer};
use core::{
    ffi::{c_char, CStr},
    mem::{offset_of, size_of},
    ops::Range,
    ptr, slice,
};
use libc::{c_int, c_void, dl_phdr_info, size_t, Elf64_Phdr, Elf64_Sym};

/// The size of a page, for `mprotect`.
const PAGE: usize = 4096;

// Tags of `Elf64_Dyn`.
const DT_NULL: i64 = 0;
const DT_STRTAB: i64 = 5;
const DT_SYMTAB: i64 = 6;
const DT_GNU_HASH: i64 = 0x6fff_fef5;

/// `Elf64_Dyn`.
#[repr(C)]
struct Dynamic {
    tag: i64,
    value: u64,
}

/// A program or library in memory, with a symbol table that has a GNU hash table.
///
/// # Invariants
///
/// It stays loaded, and the addresses are those of its tables.
pub(crate) struct Object {
    base: usize,
    segments: &'static [Elf64_Phdr],
    symbols: usize,
    strings: usize,
    hash: usize,
}

impl Object {
    /// Finds an object among those that are loaded.
    ///
    /// # Safety
    ///
    /// The object that `is_wanted` selects is never unloaded.
    pub(crate) unsafe fn find(is_wanted: &dyn Fn(&Object) -> bool) -> Option<Self> {
        struct Search<'a> {
            is_wanted: &'a dyn Fn(&Object) -> bool,
            found: Option<Object>,
        }
        unsafe extern "C" fn visit(
            info: *mut dl_phdr_info,
            _size: size_t,
            search: *mut c_void,
        ) -> c_int {
            // SAFETY: It is `search` from below, which nobody else uses meanwhile.
            let search = unsafe { &mut *search.cast::<Search<'_>>() };
            // SAFETY: The dynamic linker keeps the object loaded during this call; if it is the
            // wanted object, the caller guarantees that it stays loaded.
            let object = unsafe { Object::new(&*info) };
            search.found = object.filter(|object| (search.is_wanted)(object));
            search.found.is_some().into()
        }
        let mut search = Search {
            is_wanted,
            found: None,
        };
        // SAFETY: `visit` is called with `search`, and only before this returns.
        unsafe { libc::dl_iterate_phdr(Some(visit), ptr::from_mut(&mut search).cast()) };
        search.found
    }

    /// An object with all necessary tables.
    ///
    /// # Safety
    ///
    /// It is loaded, and stays so while the result is used.
    unsafe fn new(info: &dl_phdr_info) -> Option<Self> {
        let base = info.dlpi_addr as usize;
        // SAFETY: The object has this many headers.
        let segments = unsafe { slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
        let dynamic = segments
            .iter()
            .find(|segment| segment.p_type == libc::PT_DYNAMIC)?;
        let mut entry: *const Dynamic =
            ptr::with_exposed_provenance(base.wrapping_add(dynamic.p_vaddr as usize));
        let [mut symbols, mut strings, mut hash] = [None; 3];
        loop {
            // SAFETY: The section ends with `DT_NULL`.
            let Dynamic { tag, value } = unsafe { entry.read() };
            // Some dynamic linkers convert them to addresses, others leave the offsets from the
            // file.
            let value = value as usize;
            let address = Some(if value < base { base + value } else { value });
            match tag {
                DT_NULL => break,
                DT_SYMTAB => symbols = address,
                DT_STRTAB => strings = address,
                DT_GNU_HASH => hash = address,
                _ => {}
            }
            entry = entry.wrapping_add(1);
        }
        // INVARIANT: The dynamic section contains these addresses; the caller vouches for the rest.
        Some(Self {
            base,
            segments,
            symbols: symbols?,
            strings: strings?,
            hash: hash?,
        })
    }

    /// Whether this address is inside the object.
    pub(crate) fn holds(&self, address: usize) -> bool {
        self.segment(address).is_some()
    }

    fn segment(&self, address: usize) -> Option<&Elf64_Phdr> {
        self.segments.iter().find(|segment| {
            let start = self.base.wrapping_add(segment.p_vaddr as usize);
            let size = segment.p_memsz as usize;
            segment.p_type == libc::PT_LOAD && (start..start + size).contains(&address)
        })
    }

    /// The address of the object's definition of this name.
    pub(crate) fn address(&self, name: &CStr) -> Option<usize> {
        let symbol = self.symbols(name).next()?;
        Some(self.base.wrapping_add(symbol.st_value as usize))
    }

    /// Makes lookups of these names in the object return these addresses, or returns an errno.
    ///
    /// The whole segment is writable meanwhile: changing single pages would leave it in many
    /// mappings.
    ///
    /// # Safety
    ///
    /// What is at an address can be used in place of the named object, and no other thread uses the
    /// object's table yet.
    pub(crate) unsafe fn define(&self, definitions: &[(&CStr, usize)]) -> Result<(), c_int> {
        let segment = self.segment(self.symbols).ok_or(libc::EFAULT)?;
        let start = self.base.wrapping_add(segment.p_vaddr as usize) & !(PAGE - 1);
        let end = self
            .base
            .wrapping_add((segment.p_vaddr + segment.p_memsz) as usize);
        let pages = start..end.next_multiple_of(PAGE);
        let mut protection = 0;
        for (flag, bit) in [
            (libc::PF_R, libc::PROT_READ),
            (libc::PF_W, libc::PROT_WRITE),
            (libc::PF_X, libc::PROT_EXEC),
        ] {
            if segment.p_flags & flag != 0 {
                protection |= bit;
            }
        }
        // SAFETY: The pages get one more right.
        unsafe { protect(&pages, protection | libc::PROT_WRITE)? };
        for (name, address) in definitions {
            for symbol in self.symbols(name) {
                let value = ptr::from_ref(symbol).addr() + offset_of!(Elf64_Sym, st_value);
                let value: *mut u64 = ptr::with_exposed_provenance_mut(value);
                // SAFETY: It is an aligned field of the table, which is writable now; the caller
                // guarantees that nobody else uses it.
                unsafe { value.write(address.wrapping_sub(self.base) as u64) };
            }
        }
        // SAFETY: The pages get back the rights that they had before.
        unsafe { protect(&pages, protection) }
    }

    /// The object's definitions of this name, one for each version.
    ///
    /// The hash table consists of four words with its sizes, a filter of 64-bit words, the first
    /// symbol of each bucket, and the hashes of the symbols in order; the last hash of a bucket is
    /// odd.
    fn symbols<'a>(&'a self, name: &'a CStr) -> impl Iterator<Item = &'a Elf64_Sym> {
        let wanted = hash(name.to_bytes());
        // SAFETY: The first words of the table give its size.
        let word = |index: usize| unsafe { self.at::<u32>(self.hash, index) };
        let (buckets, first, filter) = (*word(0) as usize, *word(1) as usize, *word(2) as usize);
        let start = 4 + 2 * filter;
        let mut index = match buckets {
            0 => 0,
            _ => *word(start + wanted as usize % buckets) as usize,
        };
        // An empty bucket has 0, which is not the index of a hashed symbol.
        let mut is_over = index < first.max(1);
        core::iter::from_fn(move || {
            while !is_over {
                let hash = *word(start + buckets + index - first);
                is_over = hash & 1 != 0;
                // SAFETY: There is one symbol for each hash.
                let symbol = unsafe { self.at::<Elf64_Sym>(self.symbols, index) };
                index += 1;
                if hash | 1 == wanted | 1 && self.is_defined_as(symbol, name) {
                    return Some(symbol);
                }
            }
            None
        })
    }

    fn is_defined_as(&self, symbol: &Elf64_Sym, name: &CStr) -> bool {
        // SAFETY: The name of a symbol is a string in the table.
        let its = unsafe {
            CStr::from_ptr(ptr::from_ref(
                self.at::<c_char>(self.strings, symbol.st_name as usize),
            ))
        };
        symbol.st_shndx != 0 && symbol.st_value != 0 && its == name
    }

    /// # Safety
    ///
    /// The table at this address has more than `index` entries of this type.
    unsafe fn at<T>(&self, table: usize, index: usize) -> &T {
        let entry: *const T = ptr::with_exposed_provenance(table + index * size_of::<T>());
        // SAFETY: The caller vouches for the entry; by the invariant it stays loaded.
        unsafe { &*entry }
    }
}

/// The GNU hash of a name.
fn hash(name: &[u8]) -> u32 {
    name.iter().fold(5381, |hash: u32, byte| {
        hash.wrapping_mul(33).wrapping_add((*byte).into())
    })
}

/// Sets the protection of these pages.
///
/// # Safety
///
/// Nobody needs the access that this takes away.
unsafe fn protect(pages: &Range<usize>, protection: c_int) -> Result<(), c_int> {
    let arguments = [pages.start, pages.len(), int(protection), 0, 0, 0];
    // SAFETY: The caller vouches for the rights; the contents of the pages stay unchanged.
    let answer: Answer = unsafe { call(libc::SYS_mprotect, &arguments) };
    if answer < 0 {
        Err(-answer as c_int)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn libc() -> Object {
        // SAFETY: libc is not unloaded.
        unsafe { Object::find(&|object| object.address(c"__errno_location").is_some()) }.unwrap()
    }

    #[test]
    fn the_hash_is_gnus() {
        assert_eq!(hash(b""), 0x1505);
        assert_eq!(hash(b"printf"), 0x156b_2bb8);
        assert_eq!(hash(b"syscall"), 0xbac2_12a0);
    }

    #[test]
    fn functions_are_found_where_the_linker_finds_them() {
        for name in [c"getpid", c"getppid", c"environ"] {
            // SAFETY: The name is a C string.
            let expected = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) }.addr();
            assert_eq!(libc().address(name), Some(expected), "{name:?}");
            assert!(libc().holds(expected));
        }
        assert_eq!(libc().address(c"no_such_function"), None);
    }

    #[test]
    fn what_is_defined_anew_is_found_by_the_linker() {
        // A function that nothing here calls.
        let name = c"l64a";
        let before = libc().address(name).unwrap();
        let found = || {
            // SAFETY: The name is a C string.
            unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }.addr()
        };
        assert_eq!(found(), before);
        let another = libc().address(c"a64l").unwrap();
        // SAFETY: Nobody calls it, and the other tests look up other names.
        unsafe { libc().define(&[(name, another)]) }.unwrap();
        assert_eq!(found(), another);
        // SAFETY: It is the function itself, and the other tests look up other names.
        unsafe { libc().define(&[(name, before)]) }.unwrap();
        assert_eq!(found(), before);
    }
}
