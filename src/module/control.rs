// SPDX-License-Identifier: GPL-2.0

//! The control device, `/dev/repoll`: creates instances, lists those that exist, and reports the
//! features of the module.

use crate::{
    features,
    file,
    query,
    uapi, //
};
use kernel::{
    fs::File,
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions,
        MiscDeviceRegistration, //
    },
    prelude::*, //
};

/// An open control node; it has no state.
pub(crate) struct Control;

impl Control {
    /// How the device is registered. Its node belongs to root, unless root changes that.
    pub(crate) const OPTIONS: MiscDeviceOptions = MiscDeviceOptions { name: c"repoll" };
}

#[vtable]
impl MiscDevice for Control {
    type Ptr = KBox<Self>;

    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<KBox<Self>> {
        Ok(KBox::new(Self, GFP_KERNEL)?)
    }

    fn ioctl(_me: &Self, _file: &File, cmd: u32, arg: usize) -> Result<isize> {
        match cmd {
            uapi::CREATE => Ok(file::create(&uapi::read(arg)?)? as isize),
            uapi::LIST => query::list(arg),
            uapi::ITEMS => query::items(arg),
            uapi::FEATURES => features::tell(arg).map(|()| 0),
            _ => Err(ENOTTY),
        }
    }
}
