// SPDX-License-Identifier: GPL-2.0

//! Anonymous files with ioctl, fadvise, poll and fdinfo.
//!
//! [`kernel::miscdevice`] offers neither `poll` nor files without a node.
//!
//! C headers: [`include/linux/fs.h`](srctree/include/linux/fs.h),
//! [`include/linux/anon_inodes.h`](srctree/include/linux/anon_inodes.h)

use super::{
    rcu::RcuBox,
    unreleased::Unreleased,
    wait_queue::Pollers, //
};
use crate::bindings;
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    error::from_err_ptr,
    ffi::{
        c_int,
        c_long,
        c_uint,
        c_ulong, //
    },
    fs::{
        file::FileDescriptorReservation,
        File,
        LocalFile, //
    },
    module::this_module,
    prelude::*,
    seq_file::SeqFile,
    sync::aref::ARef, //
};

/// The operations of an anonymous file. The value is its private data, and is dropped with the
/// file.
pub(crate) trait AnonFile: Send + Sync + Sized + 'static {
    /// The name below `/proc/PID/fd`, after `anon_inode:`.
    const NAME: &'static CStr;

    /// The file operations of this type: always the same ones, so that [`of_file`] recognises its
    /// files.
    fn operations() -> &'static FileOperations<Self>;

    /// Called with the address of the file when it is created, before anyone can use it.
    fn opened(&self, file: usize);

    /// `ioctl(2)`, from 64-bit and 32-bit programs alike.
    fn ioctl(&self, file: &File, cmd: u32, arg: usize) -> Result<u32>;

    /// `fadvise64(2)`, from 64-bit and 32-bit programs alike: its result, or the negative error; or
    /// `None`, to answer as other anonymous files do. No security module is consulted before. The
    /// thread may be a worker of io_uring, which belongs to the process.
    fn fadvise(&self, file: &File, offset: u64, len: u64, advice: u32) -> Option<c_int>;

    /// The wait queue that pollers of the file wait on.
    fn pollers(&self) -> &Pollers;

    /// The events that the file has. Called after the poller has joined [`AnonFile::pollers`].
    fn poll(&self) -> u32;

    /// Called when the last reference to the file is gone. May sleep. The value is dropped a grace
    /// period later, in atomic context.
    fn release(&self);

    /// Prints the lines of `/proc/PID/fdinfo/FD`.
    fn show_fdinfo(&self, out: &Fdinfo<'_>);
}

/// The output of [`AnonFile::show_fdinfo`].
pub(crate) struct Fdinfo<'a> {
    raw: *const bindings::seq_file,
    /// Where to print.
    pub(crate) seq: &'a SeqFile,
}

impl Fdinfo<'_> {
    /// Whether more was printed than fits: then the kernel will try again with more room.
    pub(crate) fn is_full(&self) -> bool {
        // SAFETY: The output is alive and used by this thread only.
        unsafe { (*self.raw).count == (*self.raw).size }
    }
}

/// The file operations of a type, for a static.
#[repr(transparent)]
pub(crate) struct FileOperations<T>(bindings::file_operations, PhantomData<fn(T)>);

// SAFETY: Nobody writes to them.
unsafe impl<T> Sync for FileOperations<T> {}

impl<T: AnonFile> FileOperations<T> {
    /// The operations. The module stays loaded while there are files with them.
    pub(crate) const fn new() -> Self {
        Self(
            bindings::file_operations {
                owner: this_module::<crate::LocalModule>().as_ptr(),
                llseek: Some(bindings::noop_llseek),
                unlocked_ioctl: Some(ioctl::<T>),
                #[cfg(CONFIG_COMPAT)]
                compat_ioctl: bindings::compat_ptr_ioctl,
                poll: Some(poll::<T>),
                fadvise: Some(fadvise::<T>),
                release: Some(release::<T>),
                show_fdinfo: Some(show_fdinfo::<T>),
                ..pin_init::zeroed()
            },
            PhantomData,
        )
    }
}

/// Creates a file of `data` and a descriptor for it.
///
/// # Errors
///
/// `EMFILE`, `ENFILE`, `ENOMEM`.
pub(crate) fn create<T: AnonFile>(data: RcuBox<T>, cloexec: bool) -> Result<u32> {
    let flags = bindings::O_RDWR | if cloexec { bindings::O_CLOEXEC } else { 0 };
    let fd =
        FileDescriptorReservation::get_unused_fd_flags(flags).inspect_err(|_| data.release())?;
    let data = data.into_raw();
    // SAFETY: Name and operations are static, and the operations expect this private data.
    let file = from_err_ptr(unsafe {
        bindings::anon_inode_getfile(
            T::NAME.as_char_ptr(),
            &T::operations().0,
            data.cast_mut().cast(),
            flags as c_int,
        )
    })
    .and_then(|file| NonNull::new(file.cast::<File>()).ok_or(ENOMEM))
    .inspect_err(|_| {
        // SAFETY: Without a file, nobody else has the data.
        unsafe { RcuBox::from_raw(data) }.release();
    })?;
    // SAFETY: The file has the data, and nobody can close it yet.
    unsafe { &*data }.opened(file.addr().get());
    let number = fd.reserved_fd();
    // SAFETY: This function owns the reference of the new file, and nobody uses its position.
    fd.fd_install(unsafe { ARef::from_raw(file) });
    Ok(number)
}

/// The private data of `file` if it belongs to `T`.
pub(crate) fn of_file<T: AnonFile>(file: &LocalFile) -> Option<&T> {
    of_unreleased(file.into())
}

/// The private data of a file that is not torn down yet, if it belongs to `T`.
pub(crate) fn of_unreleased<T: AnonFile>(file: Unreleased<'_>) -> Option<&T> {
    // SAFETY: The file exists, and its operations do not change.
    let operations = unsafe { (*file.as_ptr()).f_op };
    // SAFETY: Only `create` creates files with these operations.
    core::ptr::eq(operations, &T::operations().0).then(|| unsafe { data_of(file.as_ptr()) })
}

/// The private data of a file that is known to belong to `T`.
///
/// # Safety
///
/// `file` was created by [`create::<T>`] and is not released during `'a`.
pub(crate) unsafe fn data_of<'a, T: AnonFile>(file: *mut bindings::file) -> &'a T {
    // SAFETY: By the requirements the private data is a `T`, dropped on release.
    unsafe { &*(*file).private_data.cast::<T>() }
}

/// # Safety
///
/// `file` was created by [`create::<T>`] and is alive.
unsafe extern "C" fn ioctl<T: AnonFile>(
    file: *mut bindings::file,
    cmd: c_uint,
    arg: c_ulong,
) -> c_long {
    // SAFETY: By the requirements.
    let data = unsafe { data_of::<T>(file) };
    // SAFETY: The file is alive; an ioctl does not hold `fdget_pos` on it.
    let file = unsafe { File::from_raw_file(file) };
    match data.ioctl(file, cmd, arg) {
        Ok(value) => value as c_long,
        Err(error) => error.to_errno() as c_long,
    }
}

/// # Safety
///
/// `file` was created by [`create::<T>`] and is alive.
unsafe extern "C" fn fadvise<T: AnonFile>(
    file: *mut bindings::file,
    offset: bindings::loff_t,
    len: bindings::loff_t,
    advice: c_int,
) -> c_int {
    // SAFETY: By the requirements.
    let data = unsafe { data_of::<T>(file) };
    // SAFETY: The file is alive; the system call does not hold `fdget_pos` on it.
    let me = unsafe { File::from_raw_file(file) };
    match data.fadvise(me, offset as u64, len as u64, advice as u32) {
        Some(result) => result,
        // SAFETY: By the requirements.
        None => unsafe { bindings::generic_fadvise(file, offset, len, advice) },
    }
}

/// # Safety
///
/// `file` was created by [`create::<T>`] and is alive; `table` is null or a poll table.
unsafe extern "C" fn poll<T: AnonFile>(
    file: *mut bindings::file,
    table: *mut bindings::poll_table_struct,
) -> bindings::__poll_t {
    // SAFETY: By the requirements.
    let data = unsafe { data_of::<T>(file) };
    // SAFETY: By the requirements; the queue lives until the file is released and, for wake-ups
    // that are in progress, until a grace period later.
    unsafe { bindings::poll_wait(file, data.pollers().as_ptr(), table) };
    data.poll()
}

/// # Safety
///
/// `file` was created by [`create::<T>`] and its last reference is gone.
unsafe extern "C" fn release<T: AnonFile>(
    _inode: *mut bindings::inode,
    file: *mut bindings::file,
) -> c_int {
    // SAFETY: By the requirements the file owns the data, for the last time.
    let data = unsafe { RcuBox::from_raw((*file).private_data.cast::<T>()) };
    data.release();
    0
}

/// # Safety
///
/// `file` was created by [`create::<T>`] and is alive; `out` is being written by this thread.
unsafe extern "C" fn show_fdinfo<T: AnonFile>(
    out: *mut bindings::seq_file,
    file: *mut bindings::file,
) {
    // SAFETY: By the requirements.
    let data = unsafe { data_of::<T>(file) };
    data.show_fdinfo(&Fdinfo {
        raw: out,
        // SAFETY: By the requirements.
        seq: unsafe { SeqFile::from_raw(out) },
    });
}
