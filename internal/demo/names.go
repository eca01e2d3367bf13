package demo

import "math/rand/v2"

// Name is a made-up person's name in Latin and Devanagari, and the sex that it
// is usual for.
type Name struct{ First, Last, Local, Sex string }

// Invent puts a name together by chance.
func Invent(rng *rand.Rand) Name {
	first, sex := pick(rng, women), "female"
	if rng.IntN(100) < 46 {
		first, sex = pick(rng, men), "male"
	}
	last := pick(rng, families)
	return Name{First: first.latin, Last: last.latin, Local: first.local + " " + last.local, Sex: sex}
}

// A name in Latin and in Devanagari. Common names, put together by chance: they
// are nobody's.
type spelled struct{ latin, local string }

var women = []spelled{
	{"Aarti", "आरती"}, {"Anjali", "अंजली"}, {"Asha", "आशा"}, {"Bhagyashri", "भाग्यश्री"}, {"Chhaya", "छाया"}, {"Deepa", "दीपा"}, {"Fatima", "फातिमा"},
	{"Gauri", "गौरी"}, {"Jyoti", "ज्योती"}, {"Kalpana", "कल्पना"}, {"Lata", "लता"}, {"Madhuri", "माधुरी"}, {"Mangal", "मंगल"}, {"Nanda", "नंदा"},
	{"Nasreen", "नसरीन"}, {"Neha", "नेहा"}, {"Pallavi", "पल्लवी"}, {"Priya", "प्रिया"}, {"Radha", "राधा"}, {"Rohini", "रोहिणी"}, {"Sadhana", "साधना"},
	{"Sangeeta", "संगीता"}, {"Savita", "सविता"}, {"Shalini", "शालिनी"}, {"Smita", "स्मिता"}, {"Sneha", "स्नेहा"}, {"Sunita", "सुनीता"}, {"Tara", "तारा"},
	{"Ujwala", "उज्ज्वला"}, {"Vaishali", "वैशाली"}, {"Vidya", "विद्या"}, {"Zeenat", "झीनत"},
}

var men = []spelled{
	{"Abdul", "अब्दुल"}, {"Ajay", "अजय"}, {"Amol", "अमोल"}, {"Anil", "अनिल"}, {"Ashok", "अशोक"}, {"Baban", "बबन"}, {"Chetan", "चेतन"}, {"Dilip", "दिलीप"},
	{"Ganesh", "गणेश"}, {"Hemant", "हेमंत"}, {"Irfan", "इरफान"}, {"Jitendra", "जितेंद्र"}, {"Kiran", "किरण"}, {"Laxman", "लक्ष्मण"}, {"Mahadev", "महादेव"},
	{"Manoj", "मनोज"}, {"Mohan", "मोहन"}, {"Nilesh", "निलेश"}, {"Omkar", "ओंकार"}, {"Prakash", "प्रकाश"}, {"Pravin", "प्रवीण"}, {"Rajesh", "राजेश"},
	{"Ramesh", "रमेश"}, {"Ravindra", "रवींद्र"}, {"Sachin", "सचिन"}, {"Salim", "सलीम"}, {"Sandeep", "संदीप"}, {"Santosh", "संतोष"}, {"Shankar", "शंकर"},
	{"Suresh", "सुरेश"}, {"Tushar", "तुषार"}, {"Vijay", "विजय"}, {"Vinod", "विनोद"}, {"Yash", "यश"},
}

var families = []spelled{
	{"Ansari", "अन्सारी"}, {"Bhosale", "भोसले"}, {"Chavan", "चव्हाण"}, {"Deshmukh", "देशमुख"}, {"Deshpande", "देशपांडे"}, {"Dhole", "ढोले"},
	{"Gaikwad", "गायकवाड"}, {"Gawande", "गावंडे"}, {"Ghodke", "घोडके"}, {"Gupta", "गुप्ता"}, {"Jadhav", "जाधव"}, {"Jain", "जैन"}, {"Joshi", "जोशी"},
	{"Kadam", "कदम"}, {"Kale", "काळे"}, {"Kamble", "कांबळे"}, {"Khan", "खान"}, {"Kulkarni", "कुलकर्णी"}, {"Mane", "माने"}, {"Mishra", "मिश्रा"},
	{"More", "मोरे"}, {"Naik", "नाईक"}, {"Pathan", "पठाण"}, {"Patil", "पाटील"}, {"Pawar", "पवार"}, {"Raut", "राऊत"}, {"Salve", "साळवे"}, {"Sawant", "सावंत"},
	{"Shaikh", "शेख"}, {"Sharma", "शर्मा"}, {"Shinde", "शिंदे"}, {"Singh", "सिंह"}, {"Sonawane", "सोनवणे"}, {"Thakur", "ठाकूर"}, {"Thorat", "थोरात"},
	{"Tiwari", "तिवारी"}, {"Verma", "वर्मा"}, {"Waghmare", "वाघमारे"}, {"Yadav", "यादव"},
}

var (
	bloodGroups = []string{"A+", "B+", "O+", "AB+", "B+", "O+", "A-", "O-"}
	allergies   = []string{"Penicillin", "Sulfa drugs", "Ibuprofen", "Peanuts", "Dust", "Aspirin", "Shellfish"}
	histories   = []string{"Type 2 diabetes since 2019", "Hypertension", "Asthma since childhood", "Hypothyroidism", "Appendix removed 2015", "Migraine", "Knee pain, both sides"}
	purposes    = []string{"Fever since three days", "Cough and cold", "Follow-up of blood pressure", "Back pain", "Stomach ache", "Skin rash", "Headache",
		"Sugar check", "Weakness", "Sore throat", "Joint pain", "Dressing", "Vaccination", "Loose motions", "Report review", "Ear pain"}
	streets = []string{"Shivaji Road", "Station Road", "Gandhi Path", "Tilak Marg", "Temple Lane", "Nehru Street", "Market Road", "School Road"}
)
