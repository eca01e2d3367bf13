package demo

import (
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/tenants/provision"
)

// place is a demo clinic.
type place struct {
	slug, name, local  string
	city, state, pin   string
	address, language  string
	plan, phone, areas string
	seed               uint64
	departments        []department
	staff              []person
}

type department struct{ name, local, room, prefix string }

// person is somebody who works at a demo clinic.
type person struct {
	user, name, local string
	role              access.Role
	language          string
	specialisation    string
	qualification     string
	licence           string
	department        string
	room, prefix      string
	shift             string
	years             int16
	fee               int64 // paise
}

// adminUser is the user name of a demo clinic's first admin.
const adminUser = "admin"

var places = []place{
	{
		slug: "northside", name: "Northside Family Clinic", local: "नॉर्थसाइड फॅमिली क्लिनिक", city: "Pune", state: "Maharashtra", pin: "411007",
		address: "14 Lake Road, Aundh", language: "en", plan: "professional", phone: "020 5550 1400", areas: "Aundh|Baner|Pashan|Khadki|Bopodi", seed: 0x6e6f727468,
		departments: []department{
			{"General Medicine", "सामान्य चिकित्सा", "1", "G"}, {"Paediatrics", "बालरोग", "2", "P"}, {"Gynaecology", "स्त्रीरोग", "3", "W"},
		},
		staff: []person{
			{user: adminUser, name: "Vandana Phadke", local: "वंदना फडके", role: access.ClinicAdmin},
			{user: "meera", name: "Meera Kulkarni", local: "मीरा कुलकर्णी", role: access.Doctor, specialisation: "General physician", qualification: "MBBS, MD",
				licence: "DEMO-N-1001", department: "General Medicine", room: "1", prefix: "A", years: 18, fee: 50000},
			{user: "sameer", name: "Sameer Joshi", local: "समीर जोशी", role: access.Doctor, language: "mr", specialisation: "Paediatrician", qualification: "MBBS, DCH",
				licence: "DEMO-N-1002", department: "Paediatrics", room: "2", prefix: "B", years: 11, fee: 60000},
			{user: "farida", name: "Farida Shaikh", local: "फरीदा शेख", role: access.Doctor, specialisation: "Gynaecologist", qualification: "MBBS, MS",
				licence: "DEMO-N-1003", department: "Gynaecology", room: "3", prefix: "C", years: 15, fee: 70000},
			{user: "rekha", name: "Rekha Gaikwad", local: "रेखा गायकवाड", role: access.Nurse, language: "mr", shift: "morning"},
			{user: "sunil", name: "Sunil Pawar", local: "सुनील पवार", role: access.Receptionist, shift: "morning"},
			{user: "kavita", name: "Kavita Shinde", local: "कविता शिंदे", role: access.Receptionist, language: "mr", shift: "evening"},
			{user: "mahesh", name: "Mahesh Salunkhe", local: "महेश साळुंखे", role: access.LabTechnician, shift: "morning"},
		},
	},
	{
		slug: "southside", name: "Southside Health Centre", local: "साउथसाइड स्वास्थ्य केंद्र", city: "Nagpur", state: "Maharashtra", pin: "440015",
		address: "Plot 7, Ring Road, Manish Nagar", language: "hi", plan: "professional", phone: "0712 555 0700", areas: "Manish Nagar|Besa|Wardha Road|Pratap Nagar|Trimurti Nagar", seed: 0x736f757468,
		departments: []department{
			{"General Medicine", "सामान्य चिकित्सा", "101", "G"}, {"Orthopaedics", "अस्थि रोग", "102", "R"}, {"Skin", "त्वचा रोग", "103", "S"},
		},
		staff: []person{
			{user: adminUser, name: "Prakash Agrawal", local: "प्रकाश अग्रवाल", role: access.ClinicAdmin},
			{user: "arun", name: "Arun Verma", local: "अरुण वर्मा", role: access.Doctor, language: "hi", specialisation: "General physician", qualification: "MBBS, MD",
				licence: "DEMO-S-2001", department: "General Medicine", room: "101", prefix: "A", years: 22, fee: 40000},
			{user: "leela", name: "Leela Nair", local: "लीला नायर", role: access.Doctor, specialisation: "Orthopaedic surgeon", qualification: "MBBS, MS",
				licence: "DEMO-S-2002", department: "Orthopaedics", room: "102", prefix: "B", years: 14, fee: 60000},
			{user: "imran", name: "Imran Qureshi", local: "इमरान कुरैशी", role: access.Doctor, specialisation: "Dermatologist", qualification: "MBBS, DVD",
				licence: "DEMO-S-2003", department: "Skin", room: "103", prefix: "C", years: 9, fee: 55000},
			{user: "sushma", name: "Sushma Dubey", local: "सुषमा दुबे", role: access.Nurse, language: "hi", shift: "morning"},
			{user: "pooja", name: "Pooja Tiwari", local: "पूजा तिवारी", role: access.Receptionist, language: "hi", shift: "morning"},
			{user: "nitin", name: "Nitin Wankhede", local: "नितिन वानखेड़े", role: access.Receptionist, shift: "evening"},
			{user: "geeta", name: "Geeta Yadav", local: "गीता यादव", role: access.LabTechnician, language: "hi", shift: "morning"},
		},
	},
}

func (p place) spec() provision.Spec {
	return provision.Spec{Name: p.name, Slug: p.slug, AdminEmail: adminUser + "@" + p.slug + ".example", AdminName: p.staff[0].name, LocalName: p.local,
		Plan: p.plan, Address: p.address, City: p.city, State: p.state, PIN: p.pin, Phone: p.phone, Email: "desk@" + p.slug + ".example", Language: p.language}
}

func (p place) signIns() []SignIn {
	all := make([]SignIn, len(p.staff))
	for i, s := range p.staff {
		all[i] = SignIn{Clinic: p.slug, Name: s.name, User: s.user, Role: s.role}
	}
	return all
}
